"""`miku down`: end a stack that runs in the background or in another terminal."""

import argparse
import asyncio
import os
import signal
import time
from contextlib import suppress

from cli.keeper import STOP_S
from cli.refusal import EXIT_OK, Refusal
from cli.stack import Stack
from cli.view import View
from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.kernel import kill_all, orphans

HELP = "end Miku and all her processes"
EXAMPLE = "miku down"


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Ask the keeper to end everything, or supervisord if there is no keeper."""
    keeper_pid = stack.keeper_pid()
    if not keeper_pid and not stack.is_running():
        view.line("Miku was not running.")
        return EXIT_OK
    with view.progress("stopping ..."):
        if keeper_pid:
            with suppress(ProcessLookupError):
                os.kill(keeper_pid, signal.SIGTERM)
        else:
            await _end_supervisord(stack)
        await _wait_for_end(stack)
    view.line("stopped")
    return EXIT_OK


async def _end_supervisord(stack: Stack) -> None:
    with suppress(SupervisorGone):
        await asyncio.to_thread(stack.supervisor.shutdown)


async def _wait_for_end(stack: Stack) -> None:
    deadline_s = time.monotonic() + STOP_S + 1
    while stack.keeper_pid() or await asyncio.to_thread(stack.is_running):
        if time.monotonic() > deadline_s:
            raise Refusal(f"Miku did not end: kill process {stack.keeper_pid() or stack.supervisor.pid()}.")
        await asyncio.sleep(0.05)
    kill_all(orphans(stack.server_url, None))
