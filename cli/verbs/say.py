"""`miku say`: one prompt through the real running stack, heard to its end."""

import argparse
import asyncio
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from bus.messages import RequestKind
from cli.link import USER, Link, link
from cli.refusal import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Refusal
from cli.speech import LOOK_S, Outcome, check, hear
from cli.stack import Stack
from cli.view import View

HELP = "say something to Miku, or let her read a text out"
EXAMPLE = 'miku say "Tell me about yourself" --wav reply.wav'


RECORDING_S = 3.0
"""From the last sound to a whole file: the sink writes behind the sound, each quarter of a second."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Words after the verb."""
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="+",
        type=_readable,
        help="what you say to Miku, at most 4,000 characters",
    )
    parser.add_argument("--wav", metavar="FILE", type=Path, help="keep what was heard in FILE")
    parser.add_argument("--verbatim", action="store_true", help="read TEXT out instead of answering it")


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Say it; join for it if Miku is in no session."""
    args.text = " ".join(args.text)
    if not args.text.strip() or len(args.text) > 4000:
        raise Refusal("TEXT must have 1 to 4,000 characters.", EXIT_USAGE)
    if args.wav is not None:
        _require_place(args.wav)
    async with link(stack) as bus:
        outcome = await _in_session(bus, view, args)
        check(outcome)
        if args.wav is not None:
            await asyncio.to_thread(_keep, stack, outcome, args.wav)
        elif outcome.recording:
            view.note(f"Played into {stack.recordings_path / outcome.recording}; to hear her: ./miku link")
    return EXIT_FAILED if outcome.cut else EXIT_OK


def _readable(text: str) -> str:
    """Bytes of the command line that are no UTF-8 become U+FFFD, as they do in `miku console`."""
    return os.fsencode(text).decode("utf-8", errors="replace")


def _require_place(file: Path) -> None:
    """Refuse a place for the sound before it is made.

    Raises:
        Refusal: no file can be written there.
    """
    folder = file.absolute().parent
    if not folder.is_dir():
        raise Refusal(f"{folder} is no folder: choose another FILE.", EXIT_USAGE)
    if file.is_dir():
        raise Refusal(f"{file} is a folder: add a file name to it.", EXIT_USAGE)
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise Refusal(f"{file} can't be written: choose another FILE.", EXIT_USAGE)


async def _in_session(bus: Link, view: View, args: argparse.Namespace) -> Outcome:
    session = bus.active_session()
    joined = not session
    if joined:
        with view.progress("joining ..."):
            session = await bus.join()
    try:
        return await _speak(bus, view, args, session)
    except asyncio.CancelledError:
        with suppress(Refusal):
            await bus.ask(RequestKind.STOP, session=session)
        raise
    finally:
        if joined:
            with suppress(Refusal):
                await bus.ask(RequestKind.LEAVE, session=session)


async def _speak(bus: Link, view: View, args: argparse.Namespace, session: str) -> Outcome:
    kind = RequestKind.SPEAK if args.verbatim else RequestKind.PROMPT
    started_s = time.monotonic()
    answer = await bus.ask(kind, args.text, session, user=USER)
    outcome = await hear(bus, view, session, answer, started_s)
    if args.wav is not None and not outcome.was_silent:
        outcome.recording = outcome.recording or await _recording(bus, session, answer.turn)
    return outcome


async def _recording(bus: Link, session: str, turn: int) -> str:
    """File name of a turn's sound, once it is whole; empty if the sink keeps none."""
    deadline_s = time.monotonic() + RECORDING_S
    while not (name := bus.progress(session, turn).recording) and time.monotonic() < deadline_s:
        await asyncio.sleep(LOOK_S)
    return name


def _keep(stack: Stack, outcome: Outcome, file: Path) -> None:
    """Copy the sink's recording.

    Raises:
        Refusal: there is none, or the file can't be written.
    """
    if outcome.was_silent:
        raise Refusal("There is no sound to keep.")
    name = Path(outcome.recording).name
    if not name:
        raise Refusal("This sink keeps no recording: set voice.backend to wav_file for --wav.")
    try:
        shutil.copyfile(stack.recordings_path / name, file)
    except OSError as error:
        raise Refusal(f"{file} can't be written: {error.strerror}.") from None
