"""`miku up`: starts all processes, waits until they are ready, and keeps them until Ctrl-C."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from itertools import takewhile

from bus import Bus, client
from cli.checks import folder, running
from cli.checks.base import Grade, Situation
from cli.keeper import GUARDIAN_SILENCE_S, Keeper, Silence
from cli.page import page_link
from cli.readiness import changes, degraded, healths, invitation, until_invited, until_ready
from cli.refusal import EXIT_OK, Refusal
from cli.stack import Stack
from cli.view import View

HELP = "start Miku and keep her running until Ctrl-C"
EXAMPLE = "miku up --detach"

PREFLIGHT = (folder.state_folder, folder.disk, folder.keys, running.ports)
"""Checks of `miku doctor` without which a start makes no sense."""

WATCH_S = 0.5

READY, LATE = "ready in", "running in"
"""How the line begins by which others know that the start is over."""

STARTING = "starting ..."
"""Until then; lines on how far it is begin with the same word."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Words after the verb."""
    parser.add_argument("--detach", action="store_true", help="run in the background; the verb down ends it")


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Start; returns when everything has ended, or with --detach when everything is ready."""
    started_s = time.monotonic()
    stack.prepare()
    with stack.lock():
        _preflight(stack)
        if not args.detach:
            return await _keep(stack, view, started_s)
    return await _detach(stack, view)


def _preflight(stack: Stack) -> None:
    """Refuse what can't work, in doctor's words."""
    for check in PREFLIGHT:
        finding = check(Situation(stack, running=False))
        if finding.grade is Grade.FAIL:
            raise Refusal(f"{finding.cause} {finding.remedy}")


async def _keep(stack: Stack, view: View, started_s: float) -> int:
    keeper, ending = Keeper(stack), _on_signals()
    work = asyncio.create_task(_serve(stack, keeper, view, started_s))
    waiter = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait([work, waiter], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            raise Refusal(f"supervisord ended unexpectedly: see {stack.logs_path}/supervisord.log.")
    finally:
        work.cancel()
        waiter.cancel()
        await asyncio.wait([work])
        with view.progress("stopping ..."):
            await _stop(keeper, ending)
    view.line("stopped")
    return EXIT_OK


async def _stop(keeper: Keeper, ending: asyncio.Event) -> None:
    """End everything; a second Ctrl-C ends it at once."""
    ending.clear()
    again = asyncio.create_task(ending.wait())
    stopping = asyncio.create_task(keeper.stop())
    await asyncio.wait([again, stopping], return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    stopping.cancel()
    await keeper.kill()


async def _serve(stack: Stack, keeper: Keeper, view: View, started_s: float) -> None:
    """Start, say when ready, then tell what changes; returns when supervisord is gone."""
    with view.progress(STARTING) as progress:
        await keeper.start()
        async with client("cli", stack.base, stack.bus, ("report.health.",)) as bus:
            late = await until_ready(bus, keeper.is_alive, progress.tell)
            progress.hide()
            _welcome(stack, view, bus, late, time.monotonic() - started_s)
            await _watch(bus, keeper, view)


def _welcome(stack: Stack, view: View, bus: Bus, late: list[str], took_s: float) -> None:
    for node in late:
        words = stack.last_words(node) or "it says nothing"
        view.error(f"{node} does not get ready: {words} (log: {stack.logs_path / node}.log)")
    for line in degraded(healths(bus)):
        view.error(line)
    view.line(f"{LATE if late else READY} {took_s:.1f} s")
    _show_page(stack, view)
    view.line('In another terminal: ./miku say "Hello"    or: ./miku console')
    _show_invitation(invitation(healths(bus)), view)
    view.line("Ctrl-C here ends everything.")


def _show_page(stack: Stack, view: View) -> None:
    """The page's address; a file that keeps what is said gets no token."""
    address = page_link(stack)
    if address and sys.stdout.isatty():
        view.line(f"Talk to her in a browser: {address}")
    elif address:
        view.line("Talk to her in a browser: ./miku link prints the address.")


def _show_invitation(address: str, view: View) -> None:
    """How she comes into a Discord server, once that is known."""
    if address:
        view.line(f"Invite her into a Discord server: {address}")


async def _watch(bus: Bus, keeper: Keeper, view: View) -> None:
    """Tell each change for the worse or better; see to the guardian, whom nobody else can see."""
    silence = Silence(GUARDIAN_SILENCE_S)
    before = healths(bus)
    invited = invitation(before)
    while keeper.is_alive():
        await asyncio.sleep(WATCH_S)
        now = healths(bus)
        for line in changes(before, now):
            view.line(line)
        if (address := invitation(now)) not in ("", invited):
            invited = address
            _show_invitation(address, view)
        before = now
        if silence.is_over(time.monotonic(), heard="guardian" in now):
            await keeper.replace_guardian()


def _on_signals() -> asyncio.Event:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ending.set)
    return ending


def complaints(lines: list[str]) -> list[str]:
    """What a start has said between its progress and its `ready`: what is missing."""
    said = takewhile(lambda line: not line.startswith((READY, LATE)), lines)
    return [line for line in said if line and not line.startswith(STARTING.rstrip(" ."))]


async def _detach(stack: Stack, view: View) -> int:
    """Start a keeper in the background and wait for its word."""
    words = stack.logs_path / "up.log"
    with words.open("wb") as out, view.progress(STARTING) as progress:
        keeper = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-m", "cli", "up"],
            env=stack.environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while True:
            lines = words.read_text(errors="replace").splitlines()
            ready = next((line for line in lines if line.startswith((READY, LATE))), "")
            if ready or keeper.poll() is not None:
                break
            progress.tell(lines[-1] if lines else STARTING)
            await asyncio.sleep(0.05)
    if not ready:
        raise Refusal(lines[-1] if lines else "Miku did not start.")
    for line in complaints(lines):
        view.error(line)
    view.line(f"{ready}, in the background (process {keeper.pid})")
    view.line('Now: ./miku say "Hello"    The end: ./miku down')
    _show_page(stack, view)
    async with client("cli", stack.base, stack.bus, ("report.health.",)) as bus:
        _show_invitation(await until_invited(bus), view)
    return EXIT_OK
