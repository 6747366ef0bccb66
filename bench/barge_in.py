"""Stop in the middle of a reply → silence: how late, and how many frames still leave."""

import argparse
import asyncio
import random
from contextlib import suppress

from bench.bare.pipeline import one_process, over_zeromq
from bench.figures import mean, quantile
from bench.ours import Ours
from bench.pipeline import Heard, Pipeline
from bench.results import Cell, Results
from bench.sessions import REPLY
from bench.stubs import Voice, stubs

COLUMNS = (
    "pipeline",
    "stops",
    "stop → last frame p50 ms",
    "p99 ms",
    "frames after, mean",
    "max",
    "after the end",
)

SPEAKING_S = (0.15, 0.5)
"""She has spoken for so long, at random, when she is stopped; the model has finished by then."""


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--stops", type=int, default=100, help="of each pipeline")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("barge_in")
    rows = []
    for make in (one_process, over_zeromq, Ours):
        with stubs(Voice.STRAIGHT, REPLY) as servers:
            rows.append(asyncio.run(_measure(make(servers), args.stops)))
    title = (
        "a stop in the middle of a reply; target: last frame ≤ 40 ms p99, 0 / 1 frames after, 0 after the end"
    )
    results.table(title, COLUMNS, rows)
    results.save()


async def _measure(pipeline: Pipeline, n_stops: int) -> list[Cell]:
    chance = random.Random(1)
    cuts = []
    async with pipeline:
        await pipeline.speak(0)  # connections are made, code is loaded
        for _ in range(n_stops):
            cuts.append(await _cut(pipeline, chance.uniform(*SPEAKING_S)))
    last_ms = [max(0.0, (heard.last_ns - stop_ns) / 1e6) for heard, stop_ns in cuts]
    n_after = [heard.n_frames_after(stop_ns) for heard, stop_ns in cuts]
    after_end: Cell = pipeline.n_after_end if isinstance(pipeline, Ours) else "-"
    return [
        pipeline.name,
        n_stops,
        quantile(last_ms, 0.5),
        quantile(last_ms, 0.99),
        mean(n_after),
        max(n_after),
        after_end,
    ]


async def _cut(pipeline: Pipeline, speaking_s: float) -> tuple[Heard, int]:
    """A reply that is stopped; what was heard of it, and when the stop was asked for."""
    speaking = asyncio.create_task(pipeline.speak(0))
    with suppress(TimeoutError):
        async with asyncio.timeout(REPLY.floor_ms / 1000 + speaking_s):
            await asyncio.shield(speaking)
    stop_ns = await pipeline.stop(0)
    return await speaking, stop_ns
