"""Plays runs one after the other and keeps what they came to."""

import asyncio
import inspect
import math
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tests.campaign.campaign import Campaign, Run, seed_of
from tests.campaign.home import NODE_LAG
from tests.campaign.results import Result, Results
from tests.campaign.world import World

LINES = 12
"""Of a traceback that a failure shows."""


@dataclass(frozen=True)
class Portion:
    """How much of each campaign is played.

    Args:
        share: part of the full number, of which at least one run is played.
        runs: number of runs instead.
        minutes: length of the campaigns that are measured in time instead.
    """

    share: float = 1.0
    runs: int | None = None
    minutes: float | None = None

    def runs_of(self, campaign: Campaign) -> int:
        """Runs to play."""
        if campaign.minutes:
            return 1
        return self.runs if self.runs is not None else max(1, math.ceil(campaign.runs * self.share))

    def minutes_of(self, campaign: Campaign) -> float:
        """Length of a campaign that is measured in time, 0 for the others."""
        if self.minutes is None or not campaign.minutes:
            return campaign.minutes * self.share
        return self.minutes


class Runner:
    """Plays campaigns.

    Args:
        results: of the seed from which every run derives its own.
        tell: called with each result as it comes.
    """

    def __init__(
        self, portion: Portion, results: Results, world: World, tell: Callable[[Result], None]
    ) -> None:
        self._portion = portion
        self._results = results
        self._world = world
        self._tell = tell

    def left(self, campaign: Campaign) -> list[int]:
        """Runs that have no result yet."""
        minutes = self._portion.minutes_of(campaign)
        done = {result.run for result in self._results.of(campaign.id) if result.minutes >= minutes}
        return [run for run in range(self._portion.runs_of(campaign)) if run not in done]

    async def play(self, campaign: Campaign, index: int) -> Result:
        """Play one run; a stack that it leaves behind failing is not used again."""
        seed = seed_of(self._results.seed, campaign.id, index)
        minutes = self._portion.minutes_of(campaign)
        run = Run(campaign.id, index, seed, self._world, minutes)
        began_s = time.monotonic()
        error = await _error_of(campaign, run)
        took_s = round(time.monotonic() - began_s, 3)
        for node, lags_ms in self._world.take_lags().items():
            run.note(f"{NODE_LAG}{node}", max(lags_ms))
        if error:
            kept = await self._world.keep(f"{campaign.id}-{index}", self._results.file.with_suffix(""))
            error = "\n".join((error, *(f"kept: {folder}" for folder in kept)))
        result = Result(campaign.id, index, seed, took_s, error, run.figures, minutes)
        self._results.add(result)
        self._tell(result)
        return result


async def _error_of(campaign: Campaign, run: Run) -> str:
    """Play; what went wrong as text, empty if nothing did."""
    try:
        with _watched(campaign.patience_s + 60 * run.minutes):
            work = campaign.play(run)
        if inspect.isawaitable(work):
            await _in_time(work, campaign.patience_s + 60 * run.minutes)
    except asyncio.CancelledError:
        raise
    # Whatever a run raises is its result: an assertion that failed, or a mistake of the run itself.
    except Exception as error:
        trace = traceback.format_exception(error)
        return "".join(trace[-LINES:]).strip()
    return ""


async def _in_time(work: Awaitable[None], patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s) as patience:
            await work
    except TimeoutError:
        if patience.expired():
            raise AssertionError(f"hangs: not over after {patience_s:g} s") from None
        raise


@contextmanager
def _watched(patience_s: float) -> Iterator[None]:
    """End work that never lets go of the loop."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"hangs: not over after {patience_s:g} s")

    handler = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, patience_s)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
