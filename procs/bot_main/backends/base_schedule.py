"""What bot_main asks of a scheduler: it watches the clock, and asks its clerk for everything else."""

from collections.abc import Iterable
from typing import Protocol

from procs.bot_main.core.schedule import Job


class Clerk(Protocol):
    """Keeps the jobs and does them."""

    def jobs(self) -> Iterable[Job]:
        """All jobs, as they are kept."""
        ...

    def keep(self, job: Job) -> None:
        """Keep a job with its next time."""
        ...

    def may_fire(self, job: Job) -> bool:
        """Whether a job that is due may begin now; asked at each look. While it may not, it waits undone."""
        ...

    def next_ms(self, job: Job, after_ms: int) -> int:
        """When a job is due after a time, in wall ms."""
        ...

    async def fire(self, job: Job, due_ms: int) -> bool:
        """Do a job; False = it could not begin and is due again as it was."""
        ...

    def skipped(self, job: Job) -> None:
        """A job was overdue by more than its grace and is not done this time."""
        ...


class Scheduler(Protocol):
    """Watches the clock."""

    async def run(self, clerk: Clerk) -> None:
        """Have each job done when it is due, one at a time, until cancelled.

        Several due times of one job that have passed become one; a job that is later than its grace is
        skipped.

        Raises:
            Exception: whatever `fire` raised.
        """
        ...

    def changed(self) -> None:
        """The clerk's jobs have changed."""
        ...
