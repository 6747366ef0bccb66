"""A server's end of one WebSocket whose messages can be sent from code that does not wait.

Messages leave in the order they were put in. A peer that does not read is cut off when the queue is full.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

QUEUE = 10_000
"""Messages; a client that is this far behind is gone."""


class Closing(Exception):
    """The connection is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")


class Wire:
    """One connection. `pump` runs beside its reader and ends when the connection is closed."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._queue: asyncio.Queue[str | bytes | tuple[int, str]] = asyncio.Queue(QUEUE)
        self.is_open = True
        self.close_code: int | None = None
        """Set when our side has closed or cut."""

    def send(self, message: str | bytes) -> None:
        """Sends text or binary; nothing after a close."""
        if not self.is_open:
            return
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.cut()

    def close(self, code: int, reason: str = "") -> None:
        """Closes with a code once everything before has been sent."""
        if self.is_open and not self._queue.full():
            self.is_open = False
            self.close_code = code
            self._queue.put_nowait((code, reason))

    def cut(self) -> None:
        """Cuts the TCP connection without a word (the client sees 1006)."""
        self.is_open = False
        self.close_code = 1006
        if self._transport is not None:
            self._transport.abort()

    async def pump(self) -> None:
        """Sends what is put in, until closed or cut."""
        with suppress(ConnectionError):
            while True:
                match await self._queue.get():
                    case str(text):
                        await self._socket.send_str(text)
                    case bytes(packed):
                        await self._socket.send_bytes(packed)
                    case (code, reason):
                        await self._socket.close(code=code, message=reason.encode())
                        return
