"""APScheduler itself watches the machine's clock here; a clerk in memory plays the feature."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from procs.bot_main.backends.scheduler import ApScheduler
from procs.bot_main.core.schedule import Job, When
from tests.waiting import until

pytestmark = pytest.mark.flow

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def job(name: str, late_ms: int, kind: str = "post") -> Job:
    return Job(name, kind, 1, 10, When(0, 0), next_ms=now_ms() - late_ms)


class HandClerk:
    """Jobs come again a day after they were due."""

    def __init__(self, *jobs: Job) -> None:
        self.kept = {one.id: one for one in jobs}
        self.is_open = True
        self.waiting: set[str] = set()
        self.takes = True
        self.fired: list[tuple[str, int]] = []
        self.skips: list[str] = []
        self.next_at_fire: list[int] = []
        self.n_at_once = 0
        self.most_at_once = 0
        self.bug: Exception | None = None

    def jobs(self) -> Iterable[Job]:
        return list(self.kept.values())

    def keep(self, job: Job) -> None:
        if job.id in self.kept:
            self.kept[job.id] = job

    def may_fire(self, job: Job) -> bool:
        return self.is_open and job.id not in self.waiting

    def next_ms(self, job: Job, after_ms: int) -> int:
        return after_ms + DAY_MS

    async def fire(self, job: Job, due_ms: int) -> bool:
        self.fired.append((job.id, due_ms))
        self.next_at_fire.append(self.kept[job.id].next_ms)
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        await asyncio.sleep(0.02)
        self.n_at_once -= 1
        if self.bug:
            raise self.bug
        return self.takes

    def skipped(self, job: Job) -> None:
        self.skips.append(job.id)


@asynccontextmanager
async def watching(clerk: HandClerk) -> AsyncIterator[ApScheduler]:
    scheduler = ApScheduler(look_s=0.02)
    task = asyncio.create_task(scheduler.run(clerk))
    try:
        yield scheduler
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def looks(n: int = 8) -> None:
    """Time for so many looks, for what must not happen."""
    await asyncio.sleep(0.02 * n)


async def test_a_job_fires_when_it_is_due_and_is_moved_on_before_it_begins():
    clerk = HandClerk(job("a", -200))
    due = clerk.kept["a"].next_ms
    async with watching(clerk):
        assert clerk.fired == []
        await until(lambda: clerk.fired)
        await looks()
    assert now_ms() >= due
    assert clerk.fired == [("a", due)]
    assert clerk.next_at_fire == [due + DAY_MS], "a crash while it is done does not do it again"


async def test_what_is_due_while_closed_waits_and_is_done_once_afterwards():
    clerk = HandClerk(job("a", 60_000))
    clerk.is_open = False
    async with watching(clerk):
        await looks()
        assert clerk.fired == []
        clerk.is_open = True
        await until(lambda: clerk.fired)
        await looks()
    assert [name for name, _ in clerk.fired] == ["a"]


async def test_one_that_may_not_begin_keeps_no_other_waiting():
    clerk = HandClerk(job("away", 60_000), job("here", 1_000))
    clerk.waiting = {"away"}
    due = clerk.kept["away"].next_ms
    async with watching(clerk):
        await until(lambda: clerk.fired)
        await looks()
        assert [name for name, _ in clerk.fired] == ["here"]
        clerk.waiting.clear()
        await until(lambda: len(clerk.fired) == 2)
    assert clerk.fired[1] == ("away", due)


async def test_many_overdue_jobs_are_done_one_at_a_time_the_oldest_first():
    clerk = HandClerk(*(job(f"j{n}", 60_000 * n) for n in range(1, 6)))
    async with watching(clerk):
        await until(lambda: len(clerk.fired) == 5)
        await looks()
    assert [name for name, _ in clerk.fired] == ["j5", "j4", "j3", "j2", "j1"]
    assert clerk.most_at_once == 1


async def test_several_times_of_one_job_become_one():
    clerk = HandClerk(job("w", 10 * DAY_MS + 5_000, "wakeup"))
    async with watching(clerk):
        await until(lambda: clerk.fired)
        await looks()
    assert len(clerk.fired) == 1
    assert clerk.kept["w"].next_ms > now_ms()


async def test_what_is_too_late_is_skipped_and_comes_again_next_time():
    clerk = HandClerk(job("old", 7 * 3_600_000), job("new", 1_000))
    async with watching(clerk):
        await until(lambda: clerk.fired and clerk.skips)
    assert clerk.skips == ["old"]
    assert [name for name, _ in clerk.fired] == ["new"]
    assert clerk.kept["old"].next_ms > now_ms()


async def test_a_job_that_could_not_begin_is_due_again_as_it_was():
    clerk = HandClerk(job("a", 1_000))
    clerk.takes = False
    async with watching(clerk):
        await until(lambda: len(clerk.fired) >= 2)
        clerk.takes = True
        await until(lambda: clerk.n_at_once == 0 and clerk.kept["a"].next_ms > now_ms())
        n = len(clerk.fired)
        await looks()
    assert len(clerk.fired) == n
    assert len({due for _, due in clerk.fired}) == 1


async def test_a_job_that_is_removed_while_it_is_done_stays_removed():
    clerk = HandClerk(job("a", 1_000))
    clerk.takes = False
    async with watching(clerk):
        await until(lambda: clerk.fired)
        clerk.kept.clear()
        await looks()
    assert clerk.kept == {}


async def test_new_jobs_are_seen_at_once():
    clerk = HandClerk()
    async with watching(clerk) as scheduler:
        clerk.kept["a"] = job("a", 0)
        scheduler.changed()
        await until(lambda: clerk.fired)
    assert len(clerk.fired) == 1


async def test_a_clock_that_steps_back_repeats_nothing():
    """As the watch sees it: a job's next time lies further away than it should."""
    clerk = HandClerk(job("a", 1_000))
    async with watching(clerk):
        await until(lambda: clerk.fired)
        clerk.keep(replace(clerk.kept["a"], next_ms=clerk.kept["a"].next_ms + 3_600_000))
        await looks()
    assert len(clerk.fired) == 1


async def test_a_mistake_of_ours_is_not_swallowed():
    clerk = HandClerk(job("a", 1_000))
    clerk.bug = KeyError("bug")
    with pytest.raises(KeyError):
        await asyncio.wait_for(ApScheduler(look_s=0.02).run(clerk), 10)
