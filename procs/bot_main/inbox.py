"""The inbox: the queue with its store. What it promises is on disk before anybody sees it.

A disk in trouble loses nothing that this process knows: it goes on in memory, promises nothing (no mark is
shown), and writes what was missed as soon as that is possible.
"""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.backends.base_queue import QueueStore
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.queue import Queue
from procs.bot_main.core.queue_rows import Changes, Kept, Row
from procs.bot_main.health import HealthBoard, StoreHealth

MARK = "🎤"
"""Below a message that waits until she has spoken."""
RETRY_S, LONGEST_RETRY_S = 2.0, 30.0
"""Pauses between tries of a disk in trouble grow from the first to the second."""
MARK_RETRY_S = 2.0
"""Between two tries of marks that Discord did not take."""


class Inbox:
    """Messages that wait.

    Args:
        store: used in one thread of the inbox's own.
        limit, limit_per_user: messages that may wait.
        health: where the disk's condition is told.
    """

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        store: QueueStore,
        limit: int,
        limit_per_user: int,
        health: HealthBoard | None = None,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._store = store
        self._limits = (limit, limit_per_user)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._health = StoreHealth(bus, health, "queue")
        self._unwritten = Changes()
        self._writing = asyncio.Lock()
        self._marking = asyncio.Lock()
        """Held while a mark is put on or taken off, so that none comes after its message was answered."""
        self._unmarked: dict[int, Incoming] = {}
        """Messages that wait, and whose mark may be missing."""
        self._marks_due = asyncio.Event()
        self.queue = Queue(*self._limits)
        self.changed = asyncio.Event()
        """Set when there may be something to answer."""

    @property
    def code(self) -> str:
        """Error code while the disk takes nothing, else empty."""
        return self._health.code

    async def load(self) -> None:
        """Read what an earlier life left; before the first use.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        loop = asyncio.get_running_loop()
        self.queue = Queue(*self._limits, await loop.run_in_executor(self._thread, self._store.load))
        await self._try(Changes())  # what can be read may take nothing
        # An earlier life may have ended between the disk and the mark.
        self._unmarked = {row.id: row.message for row in self.queue.rows.values() if row.is_marked}
        self.changed.set()

    async def run(self) -> None:
        """Make good what the disk did not take, and marks that are missing, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_again())
                tasks.create_task(self._mark_again())
        finally:
            if self._unwritten:
                self._thread.submit(self._store.write, self.queue.whole().over(self._unwritten))
            self._thread.submit(self._store.close)
            self._thread.shutdown()

    async def _write_again(self) -> None:
        pause_s = RETRY_S
        while True:
            await asyncio.sleep(pause_s)
            await self.commit()
            pause_s = min(LONGEST_RETRY_S, pause_s * 2) if self.code else RETRY_S

    async def _mark_again(self) -> None:
        while True:
            waiting = [row.message for id_ in self._unmarked if (row := self.queue.rows.get(id_))]
            self._unmarked = {message.id: message for message in waiting}
            if not self.code:
                for message in waiting:
                    if not await self._mark_waiting(message):
                        break
            for id_, channel_id in list(self.queue.released.items()):
                if not await self._take_off(channel_id, id_):
                    break
            with suppress(TimeoutError):
                async with asyncio.timeout(MARK_RETRY_S):
                    await self._marks_due.wait()
            self._marks_due.clear()

    async def put(self, message: Incoming, *, is_marked: bool, looks: bool = True) -> Kept:
        """Take a message; on return it is on disk. If it has to wait it is marked then, as fast as Discord
        takes marks: a burst of messages reaches the disk at once.

        Args:
            looks: whether it moves its channel's watermark.
        """
        kept = self.queue.put(message, is_marked=is_marked)
        if looks:
            self.queue.look(message.channel_id, message.id)
        written = await self.commit()
        self._bus.log.info("queued", outcome=kept, marked=is_marked, waiting=len(self.queue.rows))
        self.changed.set()
        if is_marked and kept is Kept.WAITS:
            self._owe_mark(message, written)
        return kept

    async def hold(self, answering: Collection[int]) -> None:
        """A session runs: messages that came before it, and are not being answered, wait like its own."""
        if held := self.queue.hold(answering):
            written = await self.commit()
            for row in held:
                self._owe_mark(row.message, written)

    async def put_back(self, row: Row) -> None:
        """A session has cut off the answer that was being made: its message waits like one of the session."""
        is_unmarked = self.queue.put_back(row.id)
        written = await self.commit()
        if is_unmarked:
            self._owe_mark(row.message, written)

    def _owe_mark(self, message: Incoming, is_written: bool) -> None:
        self._unmarked[message.id] = message
        if is_written:
            self._marks_due.set()

    async def edit(self, message: Incoming) -> None:
        """A message has new words."""
        self.queue.edit(message)
        await self.commit()

    async def delete(self, ids: tuple[int, ...]) -> None:
        """Messages are gone."""
        self.queue.delete(ids)
        await self.commit()

    async def drop(self, messages: list[Incoming]) -> None:
        """Take messages only to tell their authors that they were too many."""
        for message in messages:
            self.queue.drop(message)
        await self.commit()
        self.changed.set()

    async def commit(self) -> bool:
        """Write all changes so far; False if the disk does not take them now."""
        async with self._writing:
            self._unwritten = self.queue.take_changes().over(self._unwritten)
            if not self._unwritten and not self.code:
                return True
            is_written = not self.code and await self._try(self._unwritten)
            # After a failure the file may be a new one: it gets everything.
            if not is_written and not await self._try(self.queue.whole().over(self._unwritten)):
                return False
            self._unwritten = Changes()
            return True

    async def _try(self, changes: Changes) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store.write, changes)
        except BackendError as error:
            self._health.fails(error)
            return False
        self._health.works(self._store.damaged_as)
        return True

    async def _mark_waiting(self, message: Incoming) -> bool:
        """Show that a message waits, if it still does; False if the chat does not answer now."""
        async with self._marking:
            row = self.queue.rows.get(message.id)
            if message.id in self._unmarked and row is not None and not row.pages:
                try:
                    await self._chat.react(message.channel_id, message.id, MARK)
                except BackendError as error:
                    self._bus.log.debug("mark", code=error.code)
                    if error.code == "discord_unreachable":
                        return False
            self._unmarked.pop(message.id, None)
            return True

    async def unmark(self, message: Incoming) -> None:
        """It waits no longer; if the chat does not answer now, that is shown later."""
        self._unmarked.pop(message.id, None)
        if not await self._take_off(message.channel_id, message.id):
            self.queue.release(message)

    async def _take_off(self, channel_id: int, message_id: int) -> bool:
        """Whether a mark is off or can't be taken off; False if the chat does not answer now."""
        async with self._marking:
            try:
                await self._chat.unreact(channel_id, message_id, MARK)
            except BackendError as error:
                self._bus.log.debug("mark", code=error.code)
                if error.code == "discord_unreachable":
                    return False
            self.queue.unmarked(message_id)
            return True
