"""`miku stop`: silence at once; the session goes on."""

import argparse

from bus.messages import RequestKind
from cli.link import link
from cli.refusal import EXIT_OK
from cli.stack import Stack
from cli.view import View

HELP = "stop Miku in the middle of what she says"
EXAMPLE = "miku stop"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Cut the turn that is being spoken."""
    async with link(stack) as bus:
        await bus.ask(RequestKind.STOP, session=bus.active_session())
        view.line("stopped")
    return EXIT_OK
