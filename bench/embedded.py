"""The whole embedded chain, real llama.cpp and espeak: prompt → first frame, against one process."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from bench.figures import quantile
from bench.observer import Observer
from bench.pipeline import Heard, steps_ms
from bench.results import Cell, Results
from bus.messages import RequestKind
from bus.settings import BaseSettings, BusSettings
from tests.e2e.stack import Stack

WARM_UP = 2
SPEAKING_S = 0.5
"""Each reply is stopped after this, long behind its first frame."""

REST_S = 0.1
"""Between a stop and the next prompt: the last frame has faded, every process is at rest."""

STEPS = (
    "prompt over the bus",
    "llama.cpp, request to first token",
    "token over the bus",
    "first clause and its first sound",
    "frame over the bus",
    "sink",
)


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--prompts", type=int, default=30)


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("embedded")
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as name, Stack(Path(name)) as stack:
        heard = asyncio.run(_ours(stack, args.prompts))
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as name:
        floor_ms = asyncio.run(_floor(Path(name), args.prompts))
    ours_ms = [turn.overhead_ms(floor_ms=0) for turn in heard]
    rows: list[list[Cell]] = []
    for who, values in (("llama.cpp and espeak in one process", floor_ms), ("ours, six processes", ours_ms)):
        p50 = quantile(values, 0.5)
        rows.append([who, p50, quantile(values, 0.99), max(values), p50 / quantile(floor_ms, 0.5)])
    columns = ("who", "p50 ms", "p99 ms", "max ms", "p50 / floor")
    results.table("prompt → first 20 ms of sound; target 15 ms p50", columns, rows)
    steps: list[list[Cell]] = [
        [step, quantile(took_ms, 0.5), quantile(took_ms, 0.99)]
        for step, took_ms in zip(STEPS, steps_ms(heard), strict=True)
    ]
    results.table("where ours spends it", ("step", "p50 ms", "p99 ms"), steps)
    results.save()


async def _ours(stack: Stack, n_prompts: int) -> list[Heard]:
    base = BaseSettings(state_dir=f"{stack.state_path}")
    bus = BusSettings(base_port=stack.base_port)
    async with Observer(base, bus) as observer:
        await observer.request(RequestKind.JOIN)
        await observer.until(lambda: observer.sessions, "a session")
        heard = [await _ask(observer, observer.sessions[0]) for _ in range(WARM_UP + n_prompts)]
    return heard[WARM_UP:]


async def _ask(observer: Observer, session: str) -> Heard:
    asking = asyncio.create_task(observer.ask(RequestKind.PROMPT, session, "Hello"))
    await asyncio.sleep(SPEAKING_S)
    await observer.request(RequestKind.STOP, session)
    heard = await asking
    await asyncio.sleep(REST_S)
    return heard


async def _floor(state_path: Path, n_prompts: int) -> list[float]:
    words = ("-m", "bench.one_process", f"{state_path}", f"{WARM_UP + n_prompts}")
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    took_ms: list[float] = json.loads(out.splitlines()[-1])
    return took_ms[WARM_UP:]
