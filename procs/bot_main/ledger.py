"""The ledger: writes what must outlive this process, beside the event loop, and says when it is written.

A write lasts as long as the disk takes: often a millisecond, but a hundred on a busy or a slow one. So
levels and prompts never wait for it; answers to people do, for what was acknowledged is kept.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bus import Bus
from bus.messages import NodeState
from procs.bot_main.backends.base import Condition, Store
from procs.bot_main.core.record import Record
from procs.bot_main.health import HealthBoard


class Ledger:
    """Keeps the newest record of each session; several changes become one write.

    Args:
        store: used in one thread of the ledger's own.
        health: where the store's condition is told.
    """

    def __init__(self, bus: Bus, store: Store, health: HealthBoard | None = None) -> None:
        self._bus = bus
        self._health = health or HealthBoard(bus)
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._changes: dict[str, Record | None] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._kept: dict[str, Record] = {}
        self._condition = Condition()
        self._wake = asyncio.Event()
        self._is_writing = False

    async def load(self) -> list[Record]:
        """All records of earlier lives.

        Raises:
            BadSettings: a newer version of Miku wrote them.
        """
        records = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.load)
        self._tell_condition()
        return records

    def put(self, record: Record) -> None:
        """Keep a record in the place of its session's former one."""
        if record != self._kept.get(record.session):
            self._kept[record.session] = self._changes[record.session] = record
            self._wake.set()

    def drop(self, session: str) -> None:
        """Forget a session."""
        self._kept.pop(session, None)
        self._changes[session] = None
        self._wake.set()

    def after(self, callback: Callable[[], None]) -> None:
        """Call back once all that was put so far is written; at once if it is."""
        if self._changes or self._is_writing:
            self._callbacks.append(callback)
            self._wake.set()
        else:
            callback()

    async def written(self) -> None:
        """Wait until all that was put so far is written."""
        done = asyncio.Event()
        self.after(done.set)
        await done.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write()
        finally:
            self._thread.submit(self._store.close)
            self._thread.shutdown()

    async def _write(self) -> None:
        changes, self._changes = self._changes, {}
        callbacks, self._callbacks = self._callbacks, []
        if changes:
            self._is_writing = True
            write = partial(self._store.write, changes)
            await asyncio.get_running_loop().run_in_executor(self._thread, write)
            self._is_writing = False
            self._tell_condition()
        for callback in callbacks:
            callback()

    def _tell_condition(self) -> None:
        """A store in trouble takes nothing from a session, so this node stays ready, and says it."""
        condition = self._store.condition
        if condition != self._condition:
            self._condition = condition
            self._bus.log.warning("store", code=condition.code, detail=condition.detail)
            self._health.tell("store", NodeState.READY, condition.code, condition.detail)
