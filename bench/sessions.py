"""Many sessions at once: overhead, evenness of the sound, CPU time, memory; ours and both bare pipelines."""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.bare.pipeline import one_process, over_zeromq
from bench.figures import Pace, mean, quantile
from bench.floor import typical_floor_ms
from bench.machine import Cost
from bench.ours import Ours
from bench.pipeline import Heard, Pipeline
from bench.results import Cell, Results
from bench.stubs import Schedule, Stubs, Voice, stubs
from bus.audio import FRAME_MS

REPLY = Schedule(
    "It is a lovely evening.",
    "The lamps are lit along the river, and somebody plays an old song on the other side.",
    symbol_ms=60,
)
"""About six seconds of speech."""

COLUMNS = (
    "pipeline",
    "replies",
    "over p50",
    "p99 ms",
    "duration",
    "late %",
    "underruns",
    "jitter p99",
    "CPU s/min",
    "USS MiB",
)
"""Overhead in ms; duration over real time; frames later than 20 ms; underruns a reply."""

TARGETS = {
    1: "jitter < 3, CPU ≤ 1.5, USS ≤ 200",
    10: "jitter < 3, CPU ≤ 1.0, USS ≤ 220",
    50: "overhead ≤ 4 / ≤ 8, duration 1.000 ± 0.001, late 0, underruns 0, jitter < 3, CPU ≤ 0.6, USS ≤ 300",
}


@dataclass(frozen=True)
class Run:
    """What one pipeline did with a number of sessions."""

    heard: list[Heard]
    pace: Pace
    floor_ms: float
    spent: Cost
    """CPU time of the run, memory at its end."""


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--seconds", type=float, default=30.0, help="sessions ask again until then")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("sessions")
    for n_sessions in args.sessions:
        rows = []
        for make in _pipelines(n_sessions):
            with stubs(Voice.STRAIGHT, REPLY) as servers:
                pipeline = make(servers)
                measured = asyncio.run(_measure(servers, pipeline, n_sessions, args.seconds))
            rows.append(_row(pipeline.name, measured))
        target = TARGETS.get(n_sessions, "none")
        results.table(f"{n_sessions} sessions at once; target: {target}", COLUMNS, rows)
    results.save()


def _pipelines(n_sessions: int) -> list[Callable[[Stubs], Pipeline]]:
    return [one_process, over_zeromq, lambda servers: Ours(servers, n_sessions)]


async def _measure(servers: Stubs, pipeline: Pipeline, n_sessions: int, for_s: float) -> Run:
    """The first reply of each session warms up, the others count."""
    floor_ms = await typical_floor_ms(servers)
    async with pipeline:
        await _all(pipeline, n_sessions, 0.0)
        before = pipeline.cost()
        heard = await _all(pipeline, n_sessions, for_s)
        after = pipeline.cost()
        pace = await pipeline.pace()
    return Run(heard, pace, floor_ms, Cost(after.cpu_s - before.cpu_s, after.uss_mib))


async def _all(pipeline: Pipeline, n_sessions: int, for_s: float) -> list[Heard]:
    """Every session asks, hears and asks again; they begin evenly spread over the length of a reply."""
    until_s = time.monotonic() + for_s

    async def one(session: int) -> list[Heard]:
        await asyncio.sleep(REPLY.speech_s * session / n_sessions)
        heard = [await pipeline.speak(session)]
        while time.monotonic() < until_s:
            heard.append(await pipeline.speak(session))
        return heard

    return [turn for turns in await asyncio.gather(*map(one, range(n_sessions))) for turn in turns]


def _row(name: str, measured: Run) -> list[Cell]:
    heard, pace, spent = measured.heard, measured.pace, measured.spent
    overheads = [turn.overhead_ms(measured.floor_ms) for turn in heard]
    minutes = sum(turn.n_frames for turn in heard) * FRAME_MS / 60_000
    return [
        name,
        len(heard),
        quantile(overheads, 0.5),
        quantile(overheads, 0.99),
        f"{mean([turn.stretch for turn in heard]):.4f}",
        pace.late_percent,
        sum(turn.underruns for turn in heard) / len(heard),
        pace.jitter_p99_ms,
        spent.cpu_s / minutes,
        spent.uss_mib,
    ]
