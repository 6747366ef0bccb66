"""The first to end decides; nobody is left behind."""

import asyncio

import pytest

from procs.discord_voice.backends.side_by_side import first

pytestmark = pytest.mark.unit


class Sleeper:
    """Sleeps until it is cancelled; may miss the first cancellations, as Python 3.11's `wait_for` does."""

    def __init__(self, n_missed: int = 0) -> None:
        self.n_missed = n_missed
        self.is_over = False

    async def run(self) -> None:
        try:
            await self._sleep()
        finally:
            self.is_over = True

    async def _sleep(self) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self.n_missed:
                    raise
                self.n_missed -= 1


async def fails() -> None:
    raise ValueError("mine")


async def test_its_exception_is_ours_and_the_others_are_over() -> None:
    other = Sleeper()
    with pytest.raises(ValueError, match="mine"):
        await first(other.run(), fails())
    assert other.is_over


async def test_an_end_without_exception_ends_all() -> None:
    other = Sleeper()
    await first(asyncio.sleep(0), other.run())
    assert other.is_over


async def test_a_cancellation_that_is_lost_is_repeated() -> None:
    deaf = Sleeper(n_missed=2)
    await first(asyncio.sleep(0), deaf.run())
    assert deaf.is_over


async def test_cancelling_it_cancels_all() -> None:
    sleepers = Sleeper(), Sleeper()
    task = asyncio.create_task(first(*(one.run() for one in sleepers)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(one.is_over for one in sleepers)
