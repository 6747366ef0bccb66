"""The address of the page, with a token that opens it once."""

import secrets
import time

from bus.keys import KeyRing
from cli.stack import Stack
from procs.web_gateway.app import WebNode
from procs.web_gateway.config import WebSettings
from procs.web_gateway.core.access import link_token

ANYWHERE = ("0.0.0.0", "::", "")
"""Bind addresses that are no names."""


def page_link(stack: Stack) -> str:
    """A fresh address, good for one use within 5 minutes; empty where the page is switched off.

    Raises:
        BadSettings: no usable keys.
    """
    web = stack.settings.of(WebSettings)
    if not web.enabled:
        return ""
    host = "127.0.0.1" if web.host in ANYWHERE else web.host
    name = f"[{host}]" if ":" in host else host
    secret = KeyRing.load(stack.state_path).token(WebNode.name)
    token = link_token(secret, time.time_ns() // 1_000_000, secrets.token_hex(16))
    return f"http://{name}:{web.page_port(stack.bus.base_port)}/?token={token}"
