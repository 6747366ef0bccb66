"""One WebSocket, on its way out: a bounded queue and the one task that sends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from procs.web_gateway.core.decimate import Decimator
from procs.web_gateway.core.dialect import Dialect
from procs.web_gateway.core.events import Event
from procs.web_gateway.core.outbox import Outbox
from procs.web_gateway.core.steps import SLOW

CLOSING_S = 2.0
"""A client has so long to take what waits and to answer the closing."""


class Connection:
    """Sends to one client; nothing here waits but `write`.

    Args:
        dialect: the protocol's words.
        abort: tears the connection down, whatever waits.
    """

    def __init__(self, ws: web.WebSocketResponse, dialect: Dialect, abort: Callable[[], None]) -> None:
        self.dialect = dialect
        self._ws = ws
        self.abort = abort
        self._outbox = Outbox()
        self._awake = asyncio.Event()
        self._decimator = Decimator(dialect.rate_hz)
        self._closing = False

    @property
    def is_behind(self) -> bool:
        """Whether so much sound waits that it should be left out."""
        return self._outbox.is_full_of_sound

    @property
    def n_waiting(self) -> int:
        """Messages that wait."""
        return len(self._outbox)

    def say(self, event: Event, seq: int) -> None:
        """Queue an event; a client that does not take them is closed."""
        if self._closing:
            return
        for text in self.dialect.texts(event, seq):
            if not self._outbox.put_text(text):
                self.close(SLOW)
                return
        self._awake.set()

    def begin_sound(self) -> None:
        """The frames that follow do not continue those before."""
        self._decimator = Decimator(self.dialect.rate_hz)

    def sound(self, pcm: bytes) -> None:
        """Queue 20 ms, `int16[960]`."""
        if not self._closing:
            self._outbox.put_sound(self._decimator.feed(pcm))
            self.dialect.sound_queued()
            self._awake.set()

    def drop_sound(self) -> None:
        """Leave out all sound that waits."""
        self.dialect.sound_dropped(self._outbox.drop_sound())

    def close(self, code: int) -> None:
        """Close behind what waits; by force where that takes too long."""
        if self._closing:
            return
        self._closing = True
        self._outbox.drop_sound()
        self._outbox.put_close(code)
        self._awake.set()
        asyncio.get_running_loop().call_later(CLOSING_S, self.abort)

    async def write(self) -> None:
        """Send until closed; the whole life of the writing task."""
        with suppress(ConnectionError):
            while True:
                item = self._outbox.take()
                if item is None:
                    self._awake.clear()
                    await self._awake.wait()
                elif item.text:
                    await self._ws.send_str(item.text)
                elif item.sound:
                    await self._ws.send_bytes(item.sound)
                else:
                    await self._ws.close(code=item.close)
                    return
