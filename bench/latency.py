"""Prompt → first frame, beyond what the stubs take; ours and both bare pipelines asked in turn."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bench.bare.pipeline import one_process, over_zeromq
from bench.figures import quantile, slope
from bench.floor import Floor
from bench.ours import Ours
from bench.pipeline import Heard, Pipeline, steps_ms
from bench.results import Cell, Results
from bench.stubs import Schedule, Stubs, Voice, stubs

WARM_UP = 3
"""Prompts that are not counted: connections are made and code is loaded."""

APART_S = 0.05
"""Between a pipeline's first frame and the prompt to the next one."""

SPEECH = Schedule("It is a lovely evening.", "Stay.")
SHORT = Schedule("Yes.", "It is a lovely evening.")

ROWS = (
    ("tokens straight", Voice.STRAIGHT, SPEECH, "≤ 3.5 / ≤ 6"),
    ("sentence requests", Voice.SENTENCES, SPEECH, "≤ 4.5 / ≤ 7"),
    ('short first sentence ("Yes.")', Voice.SENTENCES, SHORT, "≤ 4.5"),
)

LONG_MEMORY = {"MIKU_BOT__HISTORY_MESSAGES": "100"}
"""Each prompt carries all that was said before, so that growth shows."""

COLUMNS = ("pipeline", "p50 ms", "p99 ms", "max ms", "p50 / one process", "growth ms per 10 turns")

STEPS = (
    "prompt over the bus",
    "model's stage, HTTP request to first token",
    "token over the bus",
    "voice's stage, first token to first frame made",
    "frame over the bus",
    "sink, first frame in to first frame out",
)


@dataclass
class Round:
    """What one row of prompts gave."""

    floors_ms: list[float] = field(default_factory=list)
    heard: dict[str, list[Heard]] = field(default_factory=dict)

    @property
    def floor_ms(self) -> float:
        """The stubs' own time, typically."""
        return quantile(self.floors_ms, 0.5)


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--prompts", type=int, default=60, help="to each pipeline, in each row")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("latency")
    for name, voice, schedule, target in ROWS:
        with stubs(voice, schedule) as servers:
            measured = asyncio.run(_measure(servers, args.prompts))
        floor = f"floor {measured.floor_ms:.1f} ms (schedule {schedule.floor_ms:g})"
        results.table(f"{name}: overhead over {floor}; target p50 / p99 {target}", COLUMNS, _rows(measured))
        steps = _steps(measured.heard[Ours.name], schedule)
        results.table(f"{name}: where ours spends it", ("step", "p50 ms", "p99 ms"), steps)
    results.save()


async def _measure(servers: Stubs, n_prompts: int) -> Round:
    measured = Round()
    async with AsyncExitStack() as running:
        floor = await running.enter_async_context(Floor(servers))
        pipelines: list[Pipeline] = [
            await running.enter_async_context(one_process(servers)),
            await running.enter_async_context(over_zeromq(servers)),
            await running.enter_async_context(Ours(servers, settings=LONG_MEMORY)),
        ]
        apart_s = servers.schedule.floor_ms / 1000 + APART_S
        for i in range(WARM_UP + n_prompts):
            floor_ms, heard = await floor.ms(), await _ask_all(pipelines, apart_s)
            if i >= WARM_UP:
                measured.floors_ms.append(floor_ms)
                for name, turn in heard.items():
                    measured.heard.setdefault(name, []).append(turn)
    return measured


async def _ask_all(pipelines: list[Pipeline], apart_s: float) -> dict[str, Heard]:
    """One prompt to each: no first frame meets another one's, the rest of the replies may overlap."""
    speaking = {}
    async with asyncio.TaskGroup() as group:
        for pipeline in pipelines:
            speaking[pipeline.name] = group.create_task(pipeline.speak(0))
            await asyncio.sleep(apart_s)
    return {name: task.result() for name, task in speaking.items()}


def _rows(measured: Round) -> list[list[Cell]]:
    overheads = {
        name: [turn.overhead_ms(measured.floor_ms) for turn in heard]
        for name, heard in measured.heard.items()
    }
    bare_ms = quantile(next(iter(overheads.values())), 0.5)
    rows: list[list[Cell]] = []
    for name, values in overheads.items():
        p50 = quantile(values, 0.5)
        ratio = p50 / bare_ms if bare_ms > 0 else "-"  # few prompts may leave nothing above the floor
        rows.append([name, p50, quantile(values, 0.99), max(values), ratio, 10 * slope(values)])
    return rows


def _steps(heard: list[Heard], schedule: Schedule) -> list[list[Cell]]:
    """Each step without what the schedule of the stubs takes in it."""
    scheduled_ms = dict.fromkeys(STEPS, 0.0)
    scheduled_ms[STEPS[1]] = schedule.first_token_ms
    scheduled_ms[STEPS[3]] = schedule.floor_ms - schedule.first_token_ms
    rows: list[list[Cell]] = []
    for (step, without_ms), took_ms in zip(scheduled_ms.items(), steps_ms(heard), strict=True):
        values = [value - without_ms for value in took_ms]
        rows.append([step, quantile(values, 0.5), quantile(values, 0.99)])
    return rows
