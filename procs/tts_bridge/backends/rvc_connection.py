"""One WebSocket to an RVC server, from which sound is read ahead of who hears it."""

import asyncio
import json
from collections import deque

import aiohttp

from bus.errors import BackendError
from bus.foreign_json import read_json

BACKLOG_LIMIT_BYTES = 32 * 1024 * 1024
"""Sound that may wait for the playout window, three minutes: beyond it the connection is not read, and TCP
slows the server. Reading ahead this far keeps its keepalive pings answered."""


class Connection:
    """One WebSocket, read ahead into a bounded backlog: a dead one is noticed, pings are answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.failure: BaseException | None = None
        self._socket = socket
        self._blobs: deque[bytes] = deque()  # BACKLOG_LIMIT_BYTES in all
        self._n_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def send(self, message: dict[str, object]) -> None:
        """Send one message; on a connection that has failed the reader says so."""
        try:
            await self._socket.send_str(json.dumps(message))
        except (ConnectionError, aiohttp.ClientError) as error:
            self._fail(f"could not send: {type(error).__name__}")

    def next_blob(self) -> bytes | None:
        """Sound that waits, None if there is none.

        Raises:
            BackendError: there is none, and none will come.
        """
        if self._blobs:
            blob = self._blobs.popleft()
            self._n_bytes -= len(blob)
            self._room.set()
            return blob
        if self.failure is not None:
            raise self.failure
        return None

    async def news(self) -> None:
        """Wait until something has happened."""
        self._news.clear()
        await self._news.wait()

    def wake(self) -> None:
        """Let the waiting one look again."""
        self._news.set()

    async def close(self) -> None:
        """Close; what the server still says is not heard."""
        self._reader.cancel()
        await asyncio.wait([self._reader])
        await self._socket.close()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._take(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT and _is_error(message.data):
                self._fail("the server reports an error")
            elif message.type is aiohttp.WSMsgType.ERROR:
                self._fail("the connection broke")
        self._fail("the server closed the connection")

    async def _take(self, blob: bytes) -> None:
        self._blobs.append(blob)
        self._n_bytes += len(blob)
        self._news.set()
        while self._n_bytes > BACKLOG_LIMIT_BYTES:
            self._room.clear()
            await self._room.wait()

    def fail(self, error: BaseException) -> None:
        """Nothing more will come; the first reason counts."""
        self.failure = self.failure or error
        self._news.set()

    def _fail(self, detail: str) -> None:
        self.fail(BackendError("tts_failed", detail))


def _is_error(text: str) -> bool:
    """Whether a JSON message reports an error; what else a server may tell is not ours to know."""
    try:
        message = read_json(text)
    except ValueError:
        return False
    return isinstance(message, dict) and "error" in message
