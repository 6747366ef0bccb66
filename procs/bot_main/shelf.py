"""The shelf: small documents, read from memory at once and written beside the event loop.

`put` takes effect at once and is on disk soon; who must be sure of that awaits `stored()`. A disk in
trouble costs nothing but that: changes are held and tried again.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_documents import Document, Documents
from procs.bot_main.health import HealthBoard, StoreHealth

RETRY_S, LONGEST_RETRY_S = 1.0, 30.0
"""Pauses between tries of a disk in trouble grow from the first to the second."""
PATIENCE_S = 5.0
"""The disk gets this long from those who must be sure."""


class Shelf:
    """All documents.

    Args:
        documents: used in one thread of the shelf's own.
        health: where the disk's condition is told.
    """

    def __init__(self, bus: Bus, documents: Documents, health: HealthBoard | None = None) -> None:
        self._health = StoreHealth(bus, health, "shelf")
        self._documents = documents
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shelf")
        self._kept: dict[tuple[str, str], Document] = {}
        self._changes: dict[tuple[str, str], Document | None] = {}
        self._changed = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()

    async def load(self) -> None:
        """Read everything; before the first use.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        self._kept = await asyncio.get_running_loop().run_in_executor(self._thread, self._documents.load)
        if not await self._try({}):  # what can be read may take nothing
            self._changed.set()

    def get(self, kind: str, key: str) -> Document | None:
        """A document, None if there is none. Not to be changed: `put` another one."""
        return self._kept.get((kind, key))

    def all(self, kind: str) -> Iterator[tuple[str, Document]]:
        """(key, document) of every document of a kind."""
        return iter([(key, body) for (of, key), body in self._kept.items() if of == kind])

    def put(self, kind: str, key: str, body: Document | None) -> None:
        """Put a document in the place of the former one; None drops it."""
        if body is None:
            self._kept.pop((kind, key), None)
        else:
            self._kept[kind, key] = body
        self._changes[kind, key] = body
        self._written.clear()
        self._changed.set()

    async def written(self) -> None:
        """Wait until all that was put so far is on disk."""
        await self._written.wait()

    async def stored(self) -> None:
        """As `written`, in bounded time.

        Raises:
            BackendError: `store_failed`; it is still tried.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._written.wait()
        except TimeoutError:
            raise BackendError("store_failed", f"not on disk in {PATIENCE_S:g} s") from None

    async def run(self) -> None:
        """Write until cancelled; what is left is written then."""
        pause_s = RETRY_S
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if await self._write():
                    pause_s = RETRY_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(LONGEST_RETRY_S, pause_s * 2)
        finally:
            if self._changes:
                self._thread.submit(self._documents.write, {**self._changes, **self._kept})
            self._thread.submit(self._documents.close)
            self._thread.shutdown()

    async def _write(self) -> bool:
        changes, self._changes = self._changes, {}
        is_written = not self._health.code and await self._try(changes)
        # After a failure the file may be a new one: it gets everything.
        if not is_written and not await self._try({**changes, **self._kept}):
            self._changes = changes | self._changes
            self._changed.set()
            return False
        if not self._changes:
            self._written.set()
        return True

    async def _try(self, changes: dict[tuple[str, str], Document | None]) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._documents.write, changes)
        except BackendError as error:
            self._health.fails(error)
            return False
        self._health.works(self._documents.damaged_as)
        return True
