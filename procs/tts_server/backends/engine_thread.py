"""A blocking engine on a thread of its own, offered to the event loop as async chunks.

One thread for the life of the process: espeak-ng keeps all state in globals and aborts when two threads
use it, and torch builds its worker pools per thread. The thread is a daemon, so that a model that loads
for half a minute can't hold up the end of the process.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from functools import partial

from procs.tts_server.backends.base import Chunk, Emit, Engine
from procs.tts_server.core.link import Say

CHUNKS_AHEAD = 32
"""Chunks (2 s of sound) the thread may be ahead of the loop; then it waits, and the loop gets its share."""

STOP_LOOK_S = 0.05
"""A waiting thread looks this often whether it is to stop."""

CLOSE_PATIENCE_S = 0.5
"""The process must end within a second; an engine amid a long step is left behind."""


class EngineThread:
    """Runs one engine.

    Args:
        engine: used from the thread alone once it has started.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._busy: asyncio.Future[None] | None = None
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    async def load(self) -> None:
        """See `Engine.load`."""
        await self._call(self.engine.load)

    async def say(self, say: Say) -> AsyncGenerator[Chunk, None]:
        """See `Speaker.say`. Closing the generator interrupts and waits for the engine to come to rest."""
        chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()  # bounded by `room`
        room = threading.Semaphore(CHUNKS_AHEAD)
        self._stopping = stopping = threading.Event()
        emit = self._emitter(chunks, room, stopping)
        self._busy = busy = self._call(partial(self.engine.synthesize, say, emit))
        busy.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                room.release()
                yield chunk
            busy.result()
        finally:
            stopping.set()
            await asyncio.wait([busy])

    def interrupt(self) -> None:
        """See `Speaker.interrupt`."""
        self._stopping.set()

    async def close(self) -> None:
        """See `Speaker.close`."""
        self.interrupt()
        if self._busy is not None:
            await asyncio.wait([self._busy], timeout=CLOSE_PATIENCE_S)

    def _emitter(
        self, chunks: "asyncio.Queue[Chunk | None]", room: threading.Semaphore, stopping: threading.Event
    ) -> Emit:
        """What the engine's thread calls: hands a chunk to the loop, waiting while the loop is behind."""
        loop = asyncio.get_running_loop()

        def emit(chunk: Chunk) -> bool:
            if chunk.payload or chunk.marks:
                while not stopping.is_set() and not room.acquire(timeout=STOP_LOOK_S):
                    pass
                if not stopping.is_set():
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return not stopping.is_set()

        return emit

    def _call(self, work: Callable[[], None]) -> "asyncio.Future[None]":
        """Run something on the thread; its result or error arrives in the loop."""
        future: Future[None] = Future()

        def run() -> None:
            try:
                work()
            except BaseException as error:
                future.set_exception(error)  # raised again in the loop
            else:
                future.set_result(None)

        self._work.put(run)
        return asyncio.wrap_future(future)

    def _run(self) -> None:
        while True:
            self._work.get()()
