"""One connection to a Discord voice server: from its greeting to its end, resumes included.

Connecting, resuming and the end are ours: discord.py's own reconnecting can stall for good, never resumes,
and asks a gateway that is not here. What comes of it is in `voice_gateway.py` and `voice_packets.py`; these
three know private names of it (2.7.1, pinned).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import discord
from discord.enums import SpeakingState

from bus.messages import VoiceLink
from procs.discord_voice.backends.side_by_side import first
from procs.discord_voice.backends.udp_path import keep_open
from procs.discord_voice.backends.voice_gateway import Http, VoiceClient, VoiceSocket
from procs.discord_voice.backends.voice_packets import VoicePackets
from procs.discord_voice.core.link import Closed, Event, event_of

__all__ = ["Connection", "Http", "first"]

HANDSHAKE_S = 5.0
"""From the address to the key; discovery included."""
RESUME_S = 3.0
"""Longer than a new connection takes; then that is better."""
SILENT_S = 15.0
"""A server that answers no heartbeat (one each 5 s) for so long is gone."""


class Connection(VoicePackets):
    """One connection. Sends from any thread; all else in the event loop.

    Raises:
        BackendError: encryption is not installed (`voice_dave_missing`).
    """

    def __init__(self, link: VoiceLink, http: Http) -> None:
        super().__init__(VoiceClient(link, http))
        self.link = link
        self.is_open = False
        self._speaking = False

    async def open(self, is_speaking: Callable[[], bool]) -> None:
        """IDENTIFY, up to the key; then the speaking indicator, if sound goes on.

        Raises:
            Closed: it did not work.
        """
        with _failing_as(Event.UNANSWERED):
            self._state._create_socket()
            async with asyncio.timeout(HANDSHAKE_S):
                await self._greet(resume=False)
                while self._state.ws.secret_key is None:
                    await self._poll()
        await self.speak(is_speaking())
        self.is_open = True

    async def resume(self) -> None:
        """RESUME on a new WebSocket; packets go on leaving meanwhile.

        Raises:
            Closed: the server does not want that.
        """
        await self._close_socket()
        try:
            with _failing_as(Event.RESUME_REFUSED):
                async with asyncio.timeout(RESUME_S):
                    await self._greet(resume=True)
                    while not self._state.ws.resumed:  # type: ignore[attr-defined]
                        await self._poll()
        except Closed as closed:
            final = (Event.REMOVED, Event.DAVE_MISSING, Event.RATE_LIMITED)
            raise closed if closed.event in final else Closed(Event.RESUME_REFUSED, closed.code) from None
        await self.speak(self._speaking)

    async def run(self) -> None:
        """Keep it alive until it ends.

        Raises:
            Closed: always.
        """
        with _failing_as(Event.DROPPED):
            await first(self._listen(), keep_open(lambda: self._state.socket))

    async def speak(self, on: bool) -> None:
        """The speaking indicator; said again with each new WebSocket."""
        self._speaking = on
        with suppress(OSError, RuntimeError, aiohttp.ClientError):  # lost: `run` sees that, too
            await self._state.ws.speak(SpeakingState.voice if on else SpeakingState.none)

    async def close(self) -> None:
        """Release everything; the server is told if it listens."""
        self.is_open = False
        if self._state.socket:
            self._state.socket.close()
        await self._close_socket()

    async def _greet(self, *, resume: bool) -> None:
        state = self._state
        seq_ack = state.ws.seq_ack if resume else -1
        state.ws = await VoiceSocket.from_connection_state(state, resume=resume, seq_ack=seq_ack)

    async def _listen(self) -> None:
        while True:
            async with asyncio.timeout(SILENT_S):
                await self._poll()

    async def _poll(self) -> None:
        """Take one message in.

        Raises:
            Closed: the connection has ended, or the message can't be understood.
        """
        try:
            await self._state.ws.poll_event()
        except (Closed, TimeoutError, OSError, aiohttp.ClientError):
            raise
        except discord.ConnectionClosed as closed:
            code = closed.code if closed.code > 0 else 1006
            raise Closed(event_of(code), code) from None
        except Exception as error:  # whatever a foreign message makes of the libraries
            raise Closed(Event.OUR_FAULT) from error

    async def _close_socket(self) -> None:
        if ws := self._state.ws:
            with suppress(OSError, RuntimeError, aiohttp.ClientError, TimeoutError):
                await ws.close()


class _failing_as:  # noqa: N801 - reads as a statement
    """Turns failures of the network inside the block into `Closed` with this event."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError | OSError | aiohttp.ClientError | ValueError):
            raise Closed(self._event) from error
