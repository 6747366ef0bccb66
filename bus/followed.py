"""A level for its followers inside one process: reading, and waiting for changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from bus.clock import Clock
from bus.header import Header
from bus.interface import Change
from bus.level import Edges, Level


class Followed:
    """A `Level` with the process's clock and its waiting readers (`bus.interface.LevelView`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._level: Level[Any] = Level()
        self._wakers: set[asyncio.Event] = set()
        self._ticked_ns = 0

    def update(self, header: Header, value: object, lease_ms: int) -> bool:
        """Take a message in and wake the readers; False if it was old."""
        now_ns = self._clock.mono_ns()
        before = self._level.get(now_ns, header.session, header.src)
        fresh = self._level.update(header, value, now_ns, lease_ms)
        if fresh and before != value:
            self._wake()
        return fresh

    def tick(self) -> None:
        """Time has passed: leases end by themselves."""
        since_ns, self._ticked_ns = self._ticked_ns, self._clock.mono_ns()
        if self._level.ended(since_ns, self._ticked_ns):
            self._wake()

    def next_end_ns(self) -> int | None:
        """When the next lease ends; None without one."""
        return self._level.next_end_ns(self._clock.mono_ns())

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    def forget(self) -> None:
        """Drop what was lost long ago."""
        self._level.forget(self._clock.mono_ns())

    def sessions(self) -> set[str]:
        """Sessions of all values, of lost ones too until they are forgotten."""
        return self._level.sessions()

    def get(self, session: str = "", src: str = "") -> Any | None:
        return self._level.get(self._clock.mono_ns(), session, src)

    def items(self) -> list[tuple[str, str, Any]]:
        return self._level.items(self._clock.mono_ns())

    def seconds_left(self, session: str = "", src: str = "") -> float | None:
        return self._level.seconds_left(self._clock.mono_ns(), session, src)

    async def changes(self) -> AsyncIterator[Change[Any]]:
        edges = Edges(self._level)
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            while True:
                waker.clear()  # before looking: what comes while the reader is busy wakes it again
                for change in edges.take(self._clock.mono_ns()):
                    yield change
                await waker.wait()
        finally:
            self._wakers.discard(waker)
