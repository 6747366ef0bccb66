"""The gate: lets features work while no session holds, and ends their work when one begins.

Its answer is computed from the session levels whenever somebody asks. A session counts as applied by this
node only once closed work has ended and then what must come before a session is done, or their time is over.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bus import Bus
from bus.errors import BackendError
from bus.floor import LIVE_PHASES
from procs.bot_main.core.gate import FEATURES, Closure, Row, Running

TICK_S = 0.25
"""How late who waits for the gate sees that it is open."""
LOOK_S = 0.01
"""Between two looks whether work has ended."""
FINISH_S = 2.0
"""A session waits so long for work that ends or finishes; what comes again by itself is cut off then."""
CUT_S = 0.5
"""And so long for what was cut off."""
BEFORE_S = 8.75
"""And so long in all, with what comes before it: longer than the cards take, less than a start has."""

BeforeSession = Callable[[str], Awaitable[object]]
"""Called with a session that starts; the session waits for it."""


@dataclass(eq=False)
class Work:
    """A piece of work under way."""

    feature: str
    task: "asyncio.Task[object]"
    comes_again: bool = False
    is_cancelled: bool = False


class SessionGate:
    """Implements `features.base.Gate`.

    Args:
        before_session: done for each session before it counts as applied, all at once, after work has ended.
        rows: the table.
        is_wanted: whether anybody still wants a session; one that nobody does ends with its lease.
    """

    def __init__(
        self,
        bus: Bus,
        before_session: Sequence[BeforeSession] = (),
        rows: Sequence[Row] = FEATURES,
        is_wanted: Callable[[str], bool] = lambda session: True,
    ) -> None:
        self._bus = bus
        self._before = before_session
        self._rows = {row.name: row for row in rows}
        self._levels = bus.follow("control.session.")
        self._closure = Closure(self._now_ms(), is_wanted)
        self._told: set[str] = set()
        """Features of which the log has that they stand back, since the gate was last open."""
        self._work: set[Work] = set()
        self._applied: set[str] = set()
        """Living sessions for which all has been put aside."""
        self._preparing: dict[str, asyncio.Task[None]] = {}
        bus.hold_sessions(self._applied.__contains__)

    async def run(self) -> None:
        """Follow the sessions until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            async for _ in self._levels.changes():
                self._look(tasks)

    def is_open(self, feature: str) -> bool:
        """See `Gate.is_open`."""
        assert feature in self._rows, feature
        return self._is_open()

    def may_begin(self, feature: str) -> bool:
        """See `Gate.may_begin`."""
        if self.is_open(feature):
            return True
        if self._closure.is_held and feature not in self._told:
            self._told.add(feature)
            self._bus.log.info("feature stands back", feature=feature, action=self._rows[feature].action)
        return False

    async def opened(self, feature: str) -> None:
        """See `Gate.opened`."""
        while not self.is_open(feature):
            await asyncio.sleep(TICK_S)

    @asynccontextmanager
    async def work(self, feature: str, *, comes_again: bool = False) -> AsyncIterator[bool]:
        """See `Gate.work`."""
        task = asyncio.current_task()
        assert task is not None
        if not self.is_open(feature):
            yield False
            return
        work = Work(feature, task, comes_again)
        cancelling = task.cancelling()
        self._work.add(work)
        try:
            yield True
        except asyncio.CancelledError:
            # Ours alone ends here; one from outside passes through.
            if not work.is_cancelled or task.uncancel() > cancelling:
                raise
            self._bus.log.info("work cancelled", feature=feature)
        finally:
            self._work.discard(work)

    # --- sessions -----------------------------------------------------------------------------------

    def _is_open(self) -> bool:
        now_ms = self._now_ms()
        self._closure.observe(((src, s, state.phase) for src, s, state in self._levels.items()), now_ms)
        is_open = self._closure.is_open(now_ms)
        if is_open:
            self._told.clear()
        return is_open

    def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Close for new sessions, forget those that are over."""
        living = {session for session, state in self._bus.sessions() if state.phase in LIVE_PHASES}
        self._applied &= living
        for session in living - self._applied - self._preparing.keys():
            self._preparing[session] = tasks.create_task(self._prepare(session))
        if not self._is_open():
            self._cut(work for work in self._work if self._rows[work.feature].running is Running.CANCEL)

    def _cut(self, works: Iterable[Work]) -> None:
        for work in works:
            if not work.is_cancelled:
                work.is_cancelled = True
                asyncio.get_running_loop().call_soon(self._cancel, work)

    def _cancel(self, work: Work) -> None:
        """Between two steps of the task, so that the cancellation lands inside the body."""
        if work in self._work:
            work.task.cancel()
        else:
            work.is_cancelled = False

    async def _prepare(self, session: str) -> None:
        """Put everything aside for a session; in bounded time it counts as applied."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEFORE_S):
                # One after the other: work under way would load again what was unloaded below it.
                await self._work_ended()
                await asyncio.gather(*(self._do(each, session) for each in self._before))
        del self._preparing[session]
        if self._bus.session(session) is not None:
            self._applied.add(session)
            self._bus.acknowledge()

    async def _work_ended(self) -> None:
        begun = set(self._work)
        await self._ended(begun, FINISH_S)
        self._cut(work for work in begun & self._work if work.comes_again)
        await self._ended(begun, CUT_S)
        if late := begun & self._work:
            self._bus.log.warning("work goes on", features=",".join(sorted(work.feature for work in late)))

    async def _ended(self, works: set[Work], within_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while works & self._work:
                    await asyncio.sleep(LOOK_S)

    async def _do(self, before: BeforeSession, session: str) -> None:
        try:
            await before(session)
        except BackendError as error:
            self._bus.log.warning("before session", code=error.code, detail=error.detail)

    def _now_ms(self) -> int:
        return self._bus.clock.mono_ns() // 1_000_000
