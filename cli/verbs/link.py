"""`miku link`: print a fresh address of the page, good for one use within five minutes."""

import argparse

from cli.page import page_link
from cli.refusal import EXIT_OK, Refusal
from cli.stack import Stack
from cli.view import View

HELP = "print a fresh address of the page"
EXAMPLE = "miku link"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Make a link; the gateway knows it by its seal."""
    stack.require_running()
    address = page_link(stack)
    if not address:
        raise Refusal("The page is switched off. Set web.enabled = true, then restart Miku.")
    view.line(address)
    return EXIT_OK
