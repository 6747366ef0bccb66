"""The inbox: the queue with its store. What it promises is on disk before anybody sees it.

A disk in trouble loses nothing that this process knows: it goes on in memory, promises nothing (no mark is
shown), and writes what was missed as soon as that is possible.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.backends.base_queue import QueueStore
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.queue import Changes, Kept, Queue

MARK = "🎤"
"""Below a message that waits until she has spoken."""
RETRY_S = 2.0
"""Between two tries of a disk in trouble."""


class Inbox:
    """Messages that wait.

    Args:
        store: used in one thread of the inbox's own.
        limit, limit_per_user: messages that may wait.
    """

    def __init__(
        self, bus: Bus, chat: ChatBackend, store: QueueStore, limit: int, limit_per_user: int
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._store = store
        self._limits = (limit, limit_per_user)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._unwritten = Changes()
        self._writing = asyncio.Lock()
        self.queue = Queue(*self._limits)
        self.changed = asyncio.Event()
        """Set when there may be something to answer."""
        self.code = ""
        """Error code while the disk takes nothing, else empty."""

    async def load(self) -> None:
        """Read what an earlier life left; before the first use.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        loop = asyncio.get_running_loop()
        self.queue = Queue(*self._limits, await loop.run_in_executor(self._thread, self._store.load))
        self.changed.set()

    async def run(self) -> None:
        """Make good what the disk did not take, until cancelled."""
        try:
            while True:
                await asyncio.sleep(RETRY_S)
                await self.commit()
        finally:
            self._thread.submit(self._store.close)
            self._thread.shutdown()

    async def put(self, message: Incoming, *, is_marked: bool, looks: bool = True) -> Kept:
        """Take a message; on return it is on disk, and then marked if it has to wait.

        Args:
            looks: whether it moves its channel's watermark.
        """
        kept = self.queue.put(message, is_marked=is_marked)
        if looks:
            self.queue.look(message.channel_id, message.id)
        written = await self.commit()
        self._bus.log.info("queued", outcome=kept, marked=is_marked, waiting=len(self.queue.rows))
        self.changed.set()
        if written and is_marked and kept is Kept.WAITS:
            await self.mark(message)
        return kept

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
            if not self._unwritten:
                return not self.code
            changes, self._unwritten = self._unwritten, Changes()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.write, changes)
            except BackendError as error:
                self._unwritten = changes
                if not self.code:
                    self._bus.log.warning("queue", code=error.code, detail=error.detail)
                self.code = error.code
                return False
            self.code = ""
            return True

    async def mark(self, message: Incoming) -> None:
        """Show that a message waits; that it can't be shown is no harm."""
        try:
            await self._chat.react(message.channel_id, message.id, MARK)
        except BackendError as error:
            self._bus.log.debug("mark", code=error.code)

    async def unmark(self, message: Incoming) -> None:
        """It waits no longer."""
        try:
            await self._chat.unreact(message.channel_id, message.id, MARK)
        except BackendError as error:
            self._bus.log.debug("mark", code=error.code)
