"""A voice behind the RVC server's token WebSocket: text and sound on one connection, nothing else agreed.

The server has no turns: it buffers text, answers whole sentences as float32 mono 48 kHz, and never says
that it is done. So each turn gets a connection of its own, taken from a warm spare and thrown away
afterwards: what is left in a buffer there never speaks in a later turn. Where the sound ends is guessed
(`core/segments.py`). Source: the RVC server's WebSocket interface description (`/ws/stream`, `/health`,
`/interrupt`).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from urllib.parse import urlsplit

import aiohttp

from bus.audio import SAMPLE_RATE_HZ
from bus.errors import BackendError
from bus.foreign_json import read_json
from procs.tts_bridge.backends.rvc_connection import Connection
from procs.tts_bridge.core.chunk import Chunk, Encoding
from procs.tts_bridge.core.segments import Outcome, Segments, tokens_of
from procs.tts_bridge.core.sentences import Piece

CONNECT_PATIENCE_S = 2.0
"""A server on the same machine or network accepts within milliseconds."""

INTERRUPT_PATIENCE_S = 1.0
"""The next turn waits this long for the last one's interrupt, which would otherwise hit it."""

BLOB_LIMIT_BYTES = 16 * 1024 * 1024
"""Largest message accepted: 87 s of float32 at 48 kHz, where the server cuts at 200 characters."""

HEALTH_LIMIT_BYTES = 64 * 1024
"""Of a health answer that long, the rest is not looked at."""

SPARES_LIMIT = 64
"""Warm connections kept; as many as turns run at once, one at least."""


class RvcWs:
    """Speaks through an RVC server (`procs.tts_bridge.backends.base.TtsBackend`).

    Args:
        url: the token socket, like `ws://localhost:8765/ws/stream`.
        pitch_shift: semitones, sent with each token.
        stall_timeout_s: longest wait for sound that is due.
        quiet_s: silence after the last text that means the end when sentences can't be counted.
    """

    straight = True

    def __init__(self, url: str, pitch_shift: float, stall_timeout_s: float, quiet_s: float) -> None:
        self._url = url
        parts = urlsplit(url)
        self._address = parts.netloc.rpartition("@")[2]
        scheme, path = parts.scheme.replace("ws", "http", 1), parts.path.removesuffix("/ws/stream")
        self._http = f"{scheme}://{parts.netloc}{path}"
        self._pitch_shift = pitch_shift
        self._stall_timeout_s = stall_timeout_s
        self._quiet_s = quiet_s
        self._client: aiohttp.ClientSession | None = None
        self._spares: list[Connection] = []
        self._n_turns = 0
        self._interrupting: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def warm_up(self) -> dict[str, str]:
        await self._check_health()
        await self._keep_spare()
        return {"voice": "rvc", "address": self._address}

    async def speak(self, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Chunk, None]:
        if self._interrupting is not None:
            await asyncio.wait([self._interrupting])
        self._n_turns += 1
        turn = _Turn(self, pieces)
        complete = False
        try:
            while (blob := await turn.blob()) is not None:
                yield Chunk(0, blob, SAMPLE_RATE_HZ, Encoding.F32LE)
            complete = True
            yield Chunk(0, b"", SAMPLE_RATE_HZ, Encoding.F32LE, last=True)
        finally:
            self._n_turns -= 1
            self._end(turn, complete)

    async def close(self) -> None:
        for spare in self._spares:
            self.throw_away(spare)
        self._spares.clear()
        if self._background:
            await asyncio.wait(self._background, timeout=CONNECT_PATIENCE_S)
        if self._client is not None:
            await self._client.close()

    async def attempt(self) -> "_Attempt":
        """A connection that no turn has used.

        Raises:
            BackendError: `tts_unreachable`.
        """
        self._spares = [spare for spare in self._spares if spare.failure is None]
        connection = self._spares.pop() if self._spares else await self._connect()
        return _Attempt(connection, Segments(self._quiet_s, self._stall_timeout_s), self._pitch_shift)

    def sound_came(self) -> None:
        """The first sound of a turn is here: time to warm up the connection of the next."""
        self._start(self._refill())

    def throw_away(self, connection: Connection) -> None:
        """A connection has served its turn."""
        self._start(connection.close())

    def _end(self, turn: "_Turn", complete: bool) -> None:
        """Runs while a turn is cancelled too, so it only starts things."""
        turn.stop()
        if not complete and not self._n_turns:  # the server interrupts whatever it speaks, whoever asked
            self._interrupting = self._start(self._interrupt())

    async def _interrupt(self) -> None:
        """Stop a synthesis in progress; a server without this endpoint only works on in vain."""
        try:
            async with asyncio.timeout(INTERRUPT_PATIENCE_S):
                async with self._session().post(f"{self._http}/interrupt"):
                    return
        except (aiohttp.ClientError, OSError, TimeoutError):
            return

    async def _check_health(self) -> None:
        """Ask whether the voice is warm; a server that knows no such question is taken as warm."""
        try:
            async with asyncio.timeout(CONNECT_PATIENCE_S):
                async with self._session().get(f"{self._http}/health") as answer:
                    body = await answer.content.read(HEALTH_LIMIT_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from None
        if answer.status == 503 or (answer.status == 200 and not _is_warm(body)):
            raise BackendError("tts_loading", f"{self._address} warms up")

    async def _keep_spare(self) -> None:
        self._spares = [spare for spare in self._spares if spare.failure is None]
        if not self._spares:
            self._spares.append(await self._connect())

    async def _refill(self) -> None:
        try:
            spare = await self._connect()
        except BackendError:  # the next turn connects for itself and says why it cannot
            return
        if len(self._spares) < SPARES_LIMIT:
            self._spares.append(spare)
        else:
            await spare.close()

    async def _connect(self) -> Connection:
        timeout = aiohttp.ClientWSTimeout(ws_close=0.2)
        try:
            async with asyncio.timeout(CONNECT_PATIENCE_S):
                socket = await self._session().ws_connect(
                    self._url, max_msg_size=BLOB_LIMIT_BYTES, timeout=timeout
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from None
        return Connection(socket)

    def _unreachable(self, error: Exception) -> BackendError:
        status = f"HTTP {error.status}" if isinstance(error, aiohttp.WSServerHandshakeError) else ""
        return BackendError("tts_unreachable", f"{self._address}: {status or type(error).__name__}")

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._client

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


class _Turn:
    """One turn on the server: text goes out as it comes, while sound comes in."""

    def __init__(self, backend: RvcWs, pieces: AsyncIterator[Piece]) -> None:
        self._backend = backend
        self._pieces = pieces
        self._tokens: list[str] = []  # the reply so far, for a second attempt; replies are bounded
        self._text_complete = False
        self._attempt: _Attempt | None = None
        self._n_attempts = 0
        self._heard = False
        self._feeder: asyncio.Task[None] | None = None

    async def blob(self) -> bytes | None:
        """The next sound, of any length; None when all of it has come.

        Raises:
            BackendError: the server failed; before the first sound only if it did so twice.
        """
        while True:
            try:
                blob = await (self._attempt or await self._begin()).blob()
            except BackendError as error:
                if self._heard or self._n_attempts == 2 or error.code == "tts_unreachable":
                    raise
                self._give_up_attempt()
                continue
            if blob and not self._heard:
                self._heard = True
                self._backend.sound_came()
            return blob

    def stop(self) -> None:
        """Nothing more is wanted."""
        if self._feeder is not None:
            self._feeder.cancel()
        self._give_up_attempt()

    async def _begin(self) -> "_Attempt":
        self._n_attempts += 1
        if self._feeder is not None and self._feeder.done():
            self._feeder.result()
        self._attempt = attempt = await self._backend.attempt()
        await attempt.send(self._tokens, complete=self._text_complete)
        if self._feeder is None:
            self._feeder = asyncio.create_task(self._feed())
            self._feeder.add_done_callback(self._fed)
        return attempt

    def _fed(self, feeder: asyncio.Task[None]) -> None:
        """A mistake of ours in making text ends the turn too."""
        if self._attempt is not None and not feeder.cancelled() and (error := feeder.exception()) is not None:
            self._attempt.connection.fail(error)

    async def _feed(self) -> None:
        async for piece in self._pieces:
            self._tokens += tokens_of(piece.text)
            await self._send()
        self._text_complete = True
        await self._send()

    async def _send(self) -> None:
        if self._attempt is not None:
            await self._attempt.send(self._tokens, complete=self._text_complete)

    def _give_up_attempt(self) -> None:
        if self._attempt is not None:
            self._backend.throw_away(self._attempt.connection)
            self._attempt = None


class _Attempt:
    """A turn's text and sound on one connection."""

    def __init__(self, connection: Connection, segments: Segments, pitch_shift: float) -> None:
        self.connection = connection
        self._segments = segments
        self._pitch_shift = pitch_shift
        self._n_sent = 0
        self._flushed = False
        self._touched_s = asyncio.get_running_loop().time()

    async def send(self, tokens: list[str], *, complete: bool) -> None:
        """Send what has not been sent yet of all tokens of the turn, and the flush behind the last."""
        while self._n_sent < len(tokens):
            token = tokens[self._n_sent]
            self._n_sent += 1
            self._segments.sent(token)
            await self.connection.send({"token": token, "pitch_shift": self._pitch_shift})
        if complete and not self._flushed:
            self._flushed = True
            self._segments.flushed()
            if tokens:  # an empty buffer has nothing to flush, and nobody knows what a server makes of it
                await self.connection.send({"flush": True})
        self._touch()

    async def blob(self) -> bytes | None:
        """The next sound; None when all of it has come.

        Raises:
            BackendError: the connection failed, or sound that is due does not come.
        """
        silence = None
        while (blob := self.connection.next_blob()) is None:
            if silence is Outcome.END:
                return None
            if silence is Outcome.STALLED:
                raise BackendError("tts_stalled", "the server owes sound and sends none")
            silence = await self._silence()
        self._segments.heard(len(blob))
        self._touched_s = asyncio.get_running_loop().time()
        return blob

    async def _silence(self) -> Outcome | None:
        """Wait for news; what the silence means if it lasts longer than the patience."""
        patience_s, outcome = self._segments.patience()
        try:
            async with asyncio.timeout_at(None if patience_s is None else self._touched_s + patience_s):
                await self.connection.news()
        except TimeoutError:
            return outcome
        return None

    def _touch(self) -> None:
        """Text went out: what a silence means has changed."""
        self._touched_s = asyncio.get_running_loop().time()
        self.connection.wake()


def _is_warm(body: bytes) -> bool:
    try:
        health = read_json(body)
    except ValueError:
        return True
    return not isinstance(health, dict) or health.get("warmed_up", True) is not False
