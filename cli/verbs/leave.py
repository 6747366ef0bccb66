"""`miku leave`: end the session."""

import argparse

from bus.messages import RequestKind
from cli.link import link
from cli.refusal import EXIT_OK
from cli.stack import Stack
from cli.view import View

HELP = "end Miku's session"
EXAMPLE = "miku leave"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Ask for the end; it works in every state of the session."""
    async with link(stack) as bus:
        await bus.ask(RequestKind.LEAVE, session=bus.running_session())
        view.line("left")
    return EXIT_OK
