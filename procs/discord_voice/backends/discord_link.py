"""One connection to a Discord voice server, on top of discord.py's voice client without its client.

The only file that knows discord.py's private names (2.7.1, pinned). Of the library it takes what is hard:
the voice gateway's messages, end-to-end encryption (DAVE), the packets' encryption. Connecting, resuming and
the end are ours: the library's own reconnecting can stall for good, never resumes, and asks a gateway that
is not here. Its UDP reader thread is not used either.

Source: "Voice Connections" of Discord's developer documentation, gateway version 8.
"""

import asyncio
import logging
import ssl
import struct
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import discord.voice_client
from discord.enums import SpeakingState
from discord.gateway import DiscordVoiceWebSocket

from bus.errors import BackendError
from bus.messages import VoiceLink
from procs.discord_voice.core.link import Closed, Event, event_of
from procs.discord_voice.core.rtp import RtpClock

logging.getLogger("discord").setLevel(logging.WARNING)  # below that it writes tokens into the log

HANDSHAKE_S = 5.0
"""From the address to the key; discovery included."""
DISCOVERY_TRIES, DISCOVERY_WAIT_S = 6, 0.5
"""A lost discovery packet is sent again; 3 s without any answer mean that UDP does not get through."""
RESUME_S = 3.0
"""Longer than a new connection takes; then that is better."""
SILENT_S = 15.0
"""A server that answers no heartbeat (one each 5 s) for so long is gone."""
KEEPALIVE_S = 5.0
"""As Discord's own clients do; routers forget an idle UDP path after 30 s."""
ECHO_WAIT_S, ECHO_TRIES = 0.5, 3
"""A keep-alive that is not answered is repeated at once, so often."""
CLOSE_S = 1.0
"""For the closing handshake; a dead server does not hold anybody up."""
CANCEL_AGAIN_S = 0.05
"""Until a task that did not hear its cancellation is told again."""
HOLD_S, ALONE_S = 2.0, 0.5
"""Sound waits so long for the encryption; the shorter where nobody is there to hear it."""
MESSAGE_LIMIT_BYTES = 1 << 20
"""Of the voice gateway; the largest real ones (a welcome to a big group) have some ten kilobytes."""
DISCOVERY = struct.Struct(">HHI64sH")
RECEIVE_BYTES = 2048
_CLIENTS_CONNECT, _CLIENT_DISCONNECT, _RESUMED = 11, 13, 9


class Http:
    """Where WebSockets come from, for all connections of the process.

    Args:
        ca_file: certificates to trust besides the system's and those of `SSL_CERT_FILE`; empty = none.

    Raises:
        BackendError: the file can't be used.
    """

    def __init__(self, ca_file: str = "") -> None:
        context = ssl.create_default_context()
        try:
            if ca_file:
                context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BackendError("sink_failed", f"discord.ca_file can't be used: {error}") from None
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), trust_env=True)

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """What discord.py asks of its HTTP client; compression is left out, the messages are tiny."""
        del compress
        return await self._session.ws_connect(
            url,
            autoclose=False,
            max_msg_size=MESSAGE_LIMIT_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )

    async def close(self) -> None:
        """No more of them."""
        await self._session.close()


class _Socket(DiscordVoiceWebSocket):
    """The voice gateway's WebSocket; sees who else is there, and looks for its address more than once."""

    resumed = False

    async def received_message(self, msg: dict[str, Any]) -> None:
        await super().received_message(msg)
        self.resumed |= msg["op"] == _RESUMED
        others: set[int] = self._connection.voice_client.others  # type: ignore[attr-defined]
        if msg["op"] == _CLIENTS_CONNECT:
            others.update(int(user) for user in msg["d"]["user_ids"])
        elif msg["op"] == _CLIENT_DISCONNECT:
            others.discard(int(msg["d"]["user_id"]))

    async def discover_ip(self) -> tuple[str, int]:
        state = self._connection
        for _ in range(DISCOVERY_TRIES):
            with suppress(OSError):
                state.socket.send(DISCOVERY.pack(1, 70, state.ssrc, b"", 0))
            answer = await _received(state.socket, DISCOVERY.size, DISCOVERY_WAIT_S)
            if answer:
                _, _, _, address, port = DISCOVERY.unpack(answer)
                return address.partition(b"\0")[0].decode("ascii"), port
        raise Closed(Event.NO_DISCOVERY)


class _Client(discord.VoiceClient):
    """discord.py's voice client; `others` are the user ids in the channel besides ours."""

    def __init__(self, link: VoiceLink, http: Http) -> None:
        loop = asyncio.get_running_loop()
        user = SimpleNamespace(id=link.user_id)
        client = SimpleNamespace(_connection=SimpleNamespace(loop=loop, user=user, http=http))
        channel = SimpleNamespace(id=link.channel_id, guild=SimpleNamespace(id=link.guild_id))
        super().__init__(client, channel)  # type: ignore[arg-type]
        self.others: set[int] = set()


class Connection:
    """From IDENTIFY to the end, resumes included. Sends from any thread; all else in the event loop.

    Raises:
        BackendError: encryption is not installed (`voice_dave_missing`).
    """

    def __init__(self, link: VoiceLink, http: Http) -> None:
        try:
            self._client = _Client(link, http)
        except RuntimeError as error:
            raise BackendError("voice_dave_missing", str(error)) from None
        self.link = link
        self.n_unsent = 0
        """Frames that the socket had no room for."""
        self.n_unencrypted = 0
        """Frames that could not be encrypted for anybody, and so did not leave."""
        self.is_open = False
        self._rtp = RtpClock()
        self._unready_since: float | None = None
        self._speaking = False
        state = self._state = self._client._connection
        state._socket_reader.stop()
        state.session_id, state.token = link.voice_session_id, link.token
        state.server_id, state.endpoint = link.guild_id, link.endpoint.removeprefix("wss://")

    async def open(self, is_speaking: Callable[[], bool]) -> None:
        """IDENTIFY, up to the key; then the speaking indicator, if sound goes on.

        Raises:
            Closed: it did not work.
        """
        self._state._create_socket()
        with _failing_as(Event.UNANSWERED):
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
            await first(self._listen(), self._keep_alive())

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

    # --- sound, from the pacer's thread -------------------------------------------------------------

    @property
    def holds(self) -> bool:
        """Whether sound should wait, since others are there and the encryption for them is not ready."""
        state = self._state
        if not state.dave_protocol_version or state.can_encrypt:
            self._unready_since = None
            return False
        now = time.monotonic()
        self._unready_since = since = self._unready_since or now
        return now - since < (HOLD_S if self._client.others else ALONE_S)

    def pause(self) -> None:
        """The next packet does not follow the last one without a gap."""
        self._rtp.pause()

    def send(self, opus: bytes, now_ns: int) -> None:
        """Let a frame leave; never waits. What can't be encrypted for the others does not leave."""
        state = self._state
        try:
            frame = state.dave_session.encrypt_opus(opus) if state.dave_protocol_version else opus  # type: ignore[union-attr]
        except Exception:  # the library's own kinds; without a group there is no key
            self.n_unencrypted += 1
            self._rtp.pause()
            return
        header = struct.pack(">BBHII", 0x80, 0x78, *self._rtp.next(now_ns), state.ssrc)
        try:
            state.socket.send(self._client._encrypt_aead_xchacha20_poly1305_rtpsize(header, frame))
        except OSError:
            self.n_unsent += 1

    # --- inside -------------------------------------------------------------------------------------

    async def _greet(self, *, resume: bool) -> None:
        state = self._state
        seq_ack = state.ws.seq_ack if resume else -1
        state.ws = await _Socket.from_connection_state(state, resume=resume, seq_ack=seq_ack)

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

    async def _keep_alive(self) -> None:
        """Keep the UDP path open, and see when it no longer is.

        Raises:
            Closed: a server that has echoed does so no longer. Not every server echoes.
        """
        has_echoed = False
        for counter in range(1 << 62):
            await asyncio.sleep(KEEPALIVE_S)
            packet = struct.pack("<Q", counter)
            for _ in range(ECHO_TRIES):
                self._drain()
                with suppress(OSError):
                    self._state.socket.send(packet)
                if await _received(self._state.socket, len(packet), ECHO_WAIT_S):
                    has_echoed = True
                    break
                if not has_echoed:
                    break
            else:
                raise Closed(Event.UDP_SILENT)

    def _drain(self) -> None:
        """Throw away what others have said since: nobody listens here, and the echo needs room."""
        with suppress(OSError):
            for _ in range(RECEIVE_BYTES):
                self._state.socket.recv(RECEIVE_BYTES)

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


async def _received(socket: Any, n_bytes: int, wait_s: float) -> bytes:
    """The next packet of this length; empty if none comes in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            while True:
                try:
                    packet: bytes = await asyncio.get_running_loop().sock_recv(socket, RECEIVE_BYTES)
                except ConnectionError:  # "unreachable", told by the network: maybe not the next time
                    await asyncio.sleep(wait_s)
                    continue
                if len(packet) == n_bytes:
                    return packet
    return b""


async def first(*these: Coroutine[Any, Any, None]) -> None:
    """Run these side by side until the first one ends; the others are cancelled. Its exception is ours."""
    tasks = [asyncio.create_task(one) for one in these]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done() and not task.cancelled()]
        await _cancelled(tasks)
    for task in ended:
        task.result()


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until they are over: Python 3.11's `wait_for`, in which the library waits for messages, loses a
    cancellation that meets a message."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains of it
