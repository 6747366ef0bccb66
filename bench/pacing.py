"""Minutes of speech: does a frame leave each 20 ms, and does a sniffer change that."""

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack

from bench.figures import Pace, pace_of
from bench.nodes import Nodes
from bench.observer import Observer
from bench.results import Cell, Results
from bench.stubs import Schedule, Stubs, Voice, stubs
from bus.messages import RequestKind

SENTENCE = "The lamps are lit along the river, and somebody plays a song. "
SPEECH = Schedule(SENTENCE, symbol_ms=60)
CHARS_AT_ONCE = 3000
"""Of one request, three minutes; the law allows 4,000."""

COLUMNS = (
    "who",
    "frames",
    "deficit / 3,000",
    "gap p50 ms",
    "p99 ms",
    "max ms",
    "gaps < 15 ms",
    "late > 20 ms",
)


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--minutes", type=float, default=1.0, help="of speech, without and with a sniffer")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("pacing")
    rows = []
    for name, sniffer in (("", ()), (" with a sniffer", ("hz",))):
        with stubs(Voice.STRAIGHT, SPEECH) as servers:
            floor, ours = asyncio.run(_measure(servers, args.minutes, sniffer))
        rows += [_row(f"a process that only sleeps{name}", floor), _row(f"ours{name}", ours)]
    target = "target: deficit ≤ 3, p99 ≤ 22 ms, max 60 ms, no gap under 15 ms"
    results.table(f"{args.minutes:g} minutes of speech; {target}", COLUMNS, rows)
    results.save()


async def _measure(servers: Stubs, minutes: float, sniffer: tuple[str, ...]) -> tuple[Pace, Pace]:
    """The sleeper and we, at the same time."""
    nodes = Nodes(servers.settings)
    with ExitStack() as running:
        async with nodes.observed() as observer:
            if sniffer:
                running.callback(nodes.sniff(*sniffer).kill)
            sleeper = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.sleeper", f"{60 * minutes}", stdout=subprocess.PIPE
            )
            await _speak(observer, nodes.sessions[0], minutes)
            out, _ = await sleeper.communicate()
            return pace_of(json.loads(out)), await observer.pace()


async def _speak(observer: Observer, session: str, minutes: float) -> None:
    n_chars = round(minutes * 60_000 / SPEECH.symbol_ms)
    text = SENTENCE * (n_chars // len(SENTENCE) + 1)
    for at in range(0, n_chars, CHARS_AT_ONCE):
        await observer.ask(RequestKind.SPEAK, session, text[at : min(at + CHARS_AT_ONCE, n_chars)])


def _row(name: str, pace: Pace) -> list[Cell]:
    gaps = [pace.gap_p50_ms, pace.gap_p99_ms, pace.gap_max_ms]
    return [name, pace.n_frames, pace.deficit_per_minute, *gaps, pace.bursts, pace.late]
