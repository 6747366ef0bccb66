"""A server's address as people write it → the URLs that are asked. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_VERSION = re.compile(r"/v\d+\w*(/|$)")
"""A version anywhere in the path: the writer knows where the API lives (`/v1`, `/v1beta/openai`)."""


@dataclass(frozen=True)
class Endpoint:
    """Where one OpenAI-compatible server answers."""

    chat: str
    """POST: chat completions."""
    models: str
    """GET: the models it serves."""
    health: str
    """GET: 503 while a model loads, where the server has such a page."""
    address: str
    """Scheme, host and port, without user and password: for people."""
    is_loopback: bool
    """Whether it is on this machine, where no proxy is to be asked."""


def endpoint(base_url: str) -> Endpoint:
    """The URLs of a base address: `host:port`, `http://host/`, `.../v1` and `.../v1/chat/completions` all do.

    Raises:
        ValueError: no usable http or https address.
    """
    text = base_url.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an http or https address")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    api = path if _VERSION.search(path) else f"{path}/v1"
    origin = f"{parts.scheme}://{parts.netloc}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return Endpoint(
        chat=f"{origin}{api}/chat/completions",
        models=f"{origin}{api}/models",
        health=f"{origin}{api.removesuffix('/v1')}/health",
        address=f"{parts.scheme}://{host}{port}",
        is_loopback=parts.hostname in LOOPBACK,
    )
