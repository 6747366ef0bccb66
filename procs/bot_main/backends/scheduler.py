"""APScheduler 3 as the watch of the clock: due times, coalescing, grace, one run at a time.

Its stock of jobs is the clerk's: plain documents of declared kinds, read and written as JSON. Nothing is
pickled, and no function is found by a name from a file. It looks at the wall clock each second, so a clock
that jumps or a machine that slept is noticed at once, and asks each time whether a job may begin: there is
no pause that somebody must end.
Source: the user guide of APScheduler 3 (misfire grace, coalescing, custom job stores and triggers).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.job import Job as Entry
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from bus.errors import OurError
from procs.bot_main.backends.base_schedule import Clerk
from procs.bot_main.core.schedule import Job

ELSEWHERE = "jobs are added and dropped at the clerk's, never through the library"
LOOK_S = 1.0
"""Between two looks at the clock and at whether a job may begin."""

logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say, the clerk says


class ApScheduler:
    """Implements `Scheduler`."""

    def __init__(self, *, look_s: float = LOOK_S) -> None:
        self._look_s = look_s
        self._watch: _Watch | None = None

    async def run(self, clerk: Clerk) -> None:
        watch = _Watch(clerk, self._look_s)
        watch.start()
        self._watch = watch
        try:
            await watch.failed
        finally:
            self._watch = None
            watch.shutdown(wait=False)

    def changed(self) -> None:
        if self._watch is not None:
            self._watch.wakeup()


class _Watch(AsyncIOScheduler):  # type: ignore[misc]
    """The library's scheduler over a clerk's jobs; begins one job per look, and only if it may."""

    def __init__(self, clerk: Clerk, look_s: float) -> None:
        super().__init__(timezone=UTC)
        self._clerk = clerk
        self._look_s = look_s
        self._n_running = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends with the exception of a job that failed."""
        self.add_jobstore(_Stock(clerk, self._begin))
        self.add_listener(self._tell_missed, EVENT_JOB_MISSED)
        self.add_listener(self._tell_failed, EVENT_JOB_ERROR)

    def _process_jobs(self) -> float:
        """How long to sleep until the next look; the library calls it for every wake-up."""
        if self._n_running == 0:
            super()._process_jobs()
        return self._look_s

    async def _begin(self, job: Job) -> None:
        self._n_running += 1
        try:
            if not await self._clerk.fire(job, job.next_ms):
                self._clerk.keep(job)
        finally:
            self._n_running -= 1

    def _tell_missed(self, event: JobExecutionEvent) -> None:
        with suppress(StopIteration):
            self._clerk.skipped(next(job for job in self._clerk.jobs() if job.id == event.job_id))

    def _tell_failed(self, event: JobExecutionEvent) -> None:
        if not self.failed.done() and not isinstance(event.exception, asyncio.CancelledError):
            self.failed.set_exception(event.exception)


class _Stock(BaseJobStore):  # type: ignore[misc]
    """The clerk's jobs as the library wants to see them; it removes none, since all of them come again."""

    def __init__(self, clerk: Clerk, begin: Callable[[Job], Awaitable[None]]) -> None:
        super().__init__()
        self._clerk = clerk
        self._begin = begin

    def lookup_job(self, job_id: str) -> Entry | None:
        return next((self._entry(job) for job in self._clerk.jobs() if job.id == job_id), None)

    def get_due_jobs(self, now: datetime) -> list[Entry]:
        """Of those that may begin, the one that has waited longest: others wait for the next look."""
        now_ms = now.timestamp() * 1000
        due = sorted((job for job in self._clerk.jobs() if job.next_ms <= now_ms), key=_age)
        return [self._entry(job) for job in islice(filter(self._clerk.may_fire, due), 1)]

    def get_next_run_time(self) -> datetime | None:
        return min((_time(job.next_ms) for job in self._clerk.jobs()), default=None)

    def get_all_jobs(self) -> list[Entry]:
        return [self._entry(job) for job in sorted(self._clerk.jobs(), key=lambda job: job.next_ms)]

    def update_job(self, entry: Entry) -> None:
        """The library moves a job on as it begins it."""
        (job,) = entry.args
        if all(kept.id != job.id for kept in self._clerk.jobs()):
            raise JobLookupError(job.id)
        self._clerk.keep(replace(job, next_ms=round(entry.next_run_time.timestamp() * 1000)))

    def add_job(self, entry: Entry) -> None:
        raise OurError(ELSEWHERE)

    def remove_job(self, job_id: str) -> None:
        raise OurError(ELSEWHERE)

    def remove_all_jobs(self) -> None:
        raise OurError(ELSEWHERE)

    def _entry(self, job: Job) -> Entry:
        entry = Entry(
            self._scheduler, id=job.id, name=job.id, func=self._begin, args=(job,), kwargs={},
            trigger=_Again(self._clerk, job), executor="default", misfire_grace_time=job.grace_s,
            coalesce=True, max_instances=1, next_run_time=_time(job.next_ms),
        )  # fmt: skip
        entry._jobstore_alias = self._alias
        return entry


class _Again(BaseTrigger):  # type: ignore[misc]
    """When a job comes again, as the clerk says."""

    def __init__(self, clerk: Clerk, job: Job) -> None:
        self._clerk = clerk
        self._job = job

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return _time(self._clerk.next_ms(self._job, round((previous_fire_time or now).timestamp() * 1000)))


def _age(job: Job) -> tuple[int, str]:
    return job.next_ms, job.id


def _time(wall_ms: int) -> datetime:
    return datetime.fromtimestamp(wall_ms / 1000, UTC)
