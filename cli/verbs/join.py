"""`miku join`: begin a session."""

import argparse

from cli.link import link
from cli.refusal import EXIT_OK
from cli.stack import Stack
from cli.view import View

HELP = "let Miku begin a session"
EXAMPLE = "miku join"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Ask for a session and wait until it is active."""
    async with link(stack) as bus:
        with view.progress("joining ..."):
            session = await bus.join()
        view.line(f"joined: session {session}")
    return EXIT_OK
