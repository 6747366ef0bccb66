"""A voice behind the Soprano link: one request per piece of text, its sound streamed back over ZeroMQ.

Law: `docs/soprano-link.md`. The client is a DEALER; replies carry the request's id, so that turns share a
connection and replies of cancelled requests fall away. A socket and its monitor are drained when their file
descriptors fire (half the CPU of awaited receives); the descriptors are edge-triggered, so the state is
asked after every use.
"""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from bus.errors import BackendError
from procs.tts_bridge.core.chunk import Chunk, Encoding, WordMark, is_voice_rate
from procs.tts_bridge.core.sentences import Piece

CONNECT_PATIENCE_S = 2.0
"""A server that is up answers a loopback handshake in milliseconds, a killed one is back within a second."""

PONG_PATIENCE_S = 2.0
"""A voice that works answers pings beside its work; one that does not is frozen."""

DEFAULT_RATE_HZ = 32_000
"""Rate of Soprano's model, where a header names none."""

REPLY_LIMIT_BYTES = 16 * 1024 * 1024
"""Largest reply accepted: two minutes of float32 in one part."""

REQUEST_LIMIT_BYTES = 64 * 1024 * 1024
"""Sound accepted for one piece: eight minutes of float32; a model that never ends is cut there."""

LINK_REQUESTS = 16
"""Requests in flight on one connection: the embedded server lets no more of one client wait. Further turns
get a further connection, which stays for later."""

DRAIN_BATCH = 64
"""Messages taken in one go before other work gets the loop."""

ERRORS = {
    "busy": ("tts_failed", True),
    "failed": ("tts_failed", True),
    "duplicate_id": ("tts_failed", True),
    "stalled": ("tts_stalled", True),
    "loading": ("tts_loading", False),
    "unavailable": ("tts_engine_missing", False),
    "unknown_voice": ("tts_engine_missing", False),
    "bad_request": ("tts_failed", False),
    "too_large": ("tts_failed", False),
    "unknown_op": ("tts_failed", False),
    "unsupported_version": ("tts_failed", False),
}
"""Code of the link → ours, and whether the same request is worth a second try at once."""

_OPTIONS = {
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: REPLY_LIMIT_BYTES,
    zmq.SNDHWM: 1_000,
    zmq.RCVHWM: 1_000,
    zmq.HEARTBEAT_IVL: 1_000,
    zmq.HEARTBEAT_TIMEOUT: 3_000,
    zmq.RECONNECT_IVL: 20,
    zmq.RECONNECT_IVL_MAX: 250,
}

_WATCHED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """Keys of the embedded voice's socket, Z85: our pair and the server's public key."""

    public: bytes
    secret: bytes
    server: bytes


class SopranoZmq:
    """Speaks through a Soprano server (`procs.tts_bridge.backends.base.TtsBackend`).

    Args:
        context: the process's ZeroMQ context.
        url: the server's address, like `tcp://localhost:5555`.
        stall_timeout_s: longest wait for the next sound of a request.
        keys: for the embedded voice; a user's own server has none.
    """

    straight = False

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        url: str,
        stall_timeout_s: float,
        keys: CurveKeys | None = None,
    ) -> None:
        self._url = url
        self._stall_timeout_s = stall_timeout_s
        self._context = context
        self._keys = keys
        self._links = [_Link(context, url, keys)]
        self._ids = itertools.count()

    async def warm_up(self) -> dict[str, str]:
        pong = await self._links[0].ping()
        facts = {key: str(pong.get(key, ""))[:64] for key in ("engine", "voice")}
        if not pong.get("warmed_up", True):
            raise BackendError("tts_loading", f"{self._url} warms up")
        return {**facts, "address": self._url}

    async def speak(self, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Chunk, None]:
        async for piece in pieces:
            request, chunk = await self._begin(piece)
            with closing(request):
                yield chunk
                while not chunk.last:
                    chunk = await request.chunk()
                    yield chunk

    async def close(self) -> None:
        for link in self._links:
            link.close()

    async def _begin(self, piece: Piece) -> tuple["_Request", Chunk]:
        """A request with its first sound; the second try is for a server that died or lost the first."""
        try:
            return await self._first_chunk(piece)
        except BackendError as error:
            if not error.retryable or error.code == "tts_unreachable":
                raise
        return await self._first_chunk(piece)

    async def _first_chunk(self, piece: Piece) -> tuple["_Request", Chunk]:
        link = await self._free_link()
        request = _Request(link, f"{next(self._ids)}", piece, self._stall_timeout_s)
        try:
            request.send()
            return request, await request.chunk()
        except BaseException:
            request.close()
            raise

    async def _free_link(self) -> "_Link":
        """A connection with room for a request; others may take the room while it is being made."""
        while True:
            for link in self._links:
                if link.has_room:
                    break
            else:
                link = _Link(self._context, self._url, self._keys)
                self._links.append(link)
            await link.connected()
            if link.has_room:
                return link


class _Request:
    """One piece of text on its way to sound."""

    def __init__(self, link: "_Link", request_id: str, piece: Piece, stall_timeout_s: float) -> None:
        self.id = request_id
        self._link = link
        self._piece = piece
        self._stall_timeout_s = stall_timeout_s
        self._replies: deque[tuple[dict[str, Any], bytes]] = deque()  # REQUEST_LIMIT_BYTES in all
        self._n_bytes = 0
        self._failure: BackendError | None = None
        self._news = asyncio.Event()
        self._seq = 0
        self._format: tuple[int, Encoding] | None = None

    def send(self) -> None:
        """Ask for the sound."""
        self._link.requests[self.id] = self
        self._link.send({"v": 1, "op": "say", "id": self.id, "text": self._piece.text})

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """A reply came."""
        self._n_bytes += len(payload)
        if self._n_bytes > REQUEST_LIMIT_BYTES:
            self.fail(BackendError("tts_bad_audio", "endless sound", retryable=False))
            return
        if header.get("last") is True or "code" in header:
            self._link.requests.pop(self.id, None)
        self._replies.append((header, payload))
        self._news.set()

    def fail(self, error: BackendError) -> None:
        """Nothing more will come."""
        self._failure = error
        self._news.set()

    async def chunk(self) -> Chunk:
        """The next sound; replies without any are passed over, their marks kept.

        Raises:
            BackendError: the server failed, stalled, or sent what is not sound.
        """
        marks: tuple[WordMark, ...] = ()
        while True:
            chunk = self._read(*await self._reply())
            marks += chunk.marks
            if chunk.data or chunk.last:
                return Chunk(self._piece.index, chunk.data, chunk.rate_hz, chunk.encoding, marks, chunk.last)

    def close(self) -> None:
        """No reply is wanted any more; the server is told unless it has finished."""
        if self._link.requests.pop(self.id, None) is not None:
            self._link.try_send({"v": 1, "op": "cancel", "id": self.id})

    async def _reply(self) -> tuple[dict[str, Any], bytes]:
        stalled = False
        while not self._replies:
            if self._failure is not None:
                raise self._failure
            if stalled:
                raise BackendError("tts_stalled", f"no sound for {self._stall_timeout_s:g} s")
            stalled = not await self._news_came()
        return self._replies.popleft()

    async def _news_came(self) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                return await self._news.wait()
        except TimeoutError:
            return False

    def _read(self, header: dict[str, Any], payload: bytes) -> Chunk:
        if "code" in header:
            raise _server_error(header)
        chunk = _chunk_of(header, payload, self._piece)
        if header.get("seq") != self._seq:
            raise _bad_audio(f"reply {self._seq} is missing")
        self._seq += 1
        if self._format not in (None, (chunk.rate_hz, chunk.encoding)):
            raise _bad_audio("the format changed within one request")
        self._format = (chunk.rate_hz, chunk.encoding)
        return chunk


class _Link:
    """The socket: requests out, replies to whom they belong, and whether the server is there."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", url: str, keys: CurveKeys | None) -> None:
        self._context = context
        self._url = url
        self._keys = keys
        self._socket: zmq.Socket[bytes] | None = None
        self._closed = False
        self._connected = asyncio.Event()
        self._pings: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self.requests: dict[str, _Request] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more request may be in flight."""
        return len(self.requests) < LINK_REQUESTS

    async def connected(self) -> None:
        """Wait until the server is there.

        Raises:
            BackendError: `tts_unreachable`.
        """
        if self._closed:
            raise BackendError("tts_unreachable", "closed", retryable=False)
        if self._socket is None:
            self._open()
        if self._connected.is_set():
            return
        try:
            async with asyncio.timeout(CONNECT_PATIENCE_S):
                await self._connected.wait()
        except TimeoutError:
            raise BackendError("tts_unreachable", f"nothing answers at {self._url}") from None

    async def ping(self) -> dict[str, Any]:
        """What the server says of itself.

        Raises:
            BackendError: `tts_unreachable`.
        """
        await self.connected()
        number = next(self._numbers)
        pong = self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            self.send({"v": 1, "op": "ping", "n": number})
            async with asyncio.timeout(PONG_PATIENCE_S):
                answer: dict[str, Any] = await pong
                return answer
        except TimeoutError:
            raise BackendError("tts_unreachable", f"{self._url} does not answer") from None
        finally:
            del self._pings[number]

    def send(self, message: dict[str, Any]) -> None:
        """Send one request.

        Raises:
            BackendError: the server is not there.
        """
        if not self.try_send(message):
            raise BackendError("tts_unreachable", f"{self._url} takes nothing")

    def try_send(self, message: dict[str, Any]) -> bool:
        """Send if the server is there."""
        if self._socket is None:
            return False
        try:
            self._socket.send(json.dumps(message, ensure_ascii=False).encode(), zmq.NOBLOCK)
        except zmq.Again:
            return False
        asyncio.get_running_loop().call_soon(self._drain)
        return True

    def close(self) -> None:
        """Close for good; requests in flight fail."""
        self._closed = True
        self._close_socket()

    def _close_socket(self) -> None:
        if self._socket is None:
            return
        loop = asyncio.get_running_loop()
        for socket in (self._socket, self._monitor):
            loop.remove_reader(socket.FD)
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._socket = None
        self._lost()

    def _open(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        if self._keys is not None:
            socket.curve_publickey, socket.curve_secretkey = self._keys.public, self._keys.secret
            socket.curve_serverkey = self._keys.server
        self._monitor = socket.get_monitor_socket(_WATCHED)
        self._socket = socket
        loop = asyncio.get_running_loop()
        loop.add_reader(socket.FD, self._drain)
        loop.add_reader(self._monitor.FD, self._observe)
        try:
            socket.connect(self._url)
        except zmq.ZMQError as error:
            self._close_socket()
            detail = f"{self._url} can't be used: {error.strerror}"
            raise BackendError("tts_unreachable", detail, retryable=False) from None
        loop.call_soon(self._observe)

    def _observe(self) -> None:
        """Connection events; both ends of a connection's life are told here and nowhere else."""
        while self._socket is not None and _readable(self._monitor):
            event = parse_monitor_message(self._monitor.recv_multipart(zmq.NOBLOCK))
            if event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._connected.set()
            elif event["event"] == zmq.EVENT_DISCONNECTED:
                self._lost()

    def _lost(self) -> None:
        self._connected.clear()
        self._fail_all(BackendError("tts_failed", "the connection was lost"))
        for pong in self._pings.values():
            if not pong.done():
                pong.set_exception(BackendError("tts_unreachable", "the connection was lost"))

    def _fail_all(self, error: BackendError) -> None:
        for request in list(self.requests.values()):
            request.fail(error)

    def _drain(self) -> None:
        for _ in range(DRAIN_BATCH):
            if self._socket is None or not _readable(self._socket):
                return
            self._route(self._socket.recv_multipart(zmq.NOBLOCK))
        asyncio.get_running_loop().call_soon(self._drain)

    def _route(self, parts: list[bytes]) -> None:
        header = _header_of(parts)
        if header is None:  # whose it is can't be known
            self._fail_all(_bad_audio("a reply that can't be read"))
            return
        if "pong" in header:
            pong = self._pings.get(header["pong"]) if isinstance(header["pong"], int) else None
            if pong is not None and not pong.done():
                pong.set_result(header)
            return
        request_id = header.get("id")
        request = self.requests.get(request_id) if isinstance(request_id, str) else None
        if request is not None:  # else: the tail of a cancelled request
            request.take(header, parts[1])


def _readable(socket: "zmq.Socket[bytes]") -> bool:
    """Whether a message waits; asking also re-arms the edge-triggered descriptor."""
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


def _header_of(parts: list[bytes]) -> dict[str, Any] | None:
    if len(parts) != 2:
        return None
    try:
        header = json.loads(parts[0])
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _chunk_of(header: dict[str, Any], payload: bytes, piece: Piece) -> Chunk:
    rate_hz, dtype = header.get("sample_rate", DEFAULT_RATE_HZ), header.get("dtype", Encoding.F32LE)
    if type(rate_hz) is not int or not is_voice_rate(rate_hz):
        raise _bad_audio("the sample rate is not a voice's")
    if dtype not in list(Encoding):
        raise _bad_audio("the sample format is unknown")
    encoding = Encoding(dtype)
    if len(payload) % encoding.sample_bytes:
        raise _bad_audio(f"{len(payload)} bytes are not whole samples")
    marks = _marks_of(header.get("marks", []), len(piece.text))
    return Chunk(piece.index, payload, rate_hz, encoding, marks, header.get("last") is True)


def _marks_of(marks: Any, n_chars: int) -> tuple[WordMark, ...]:
    """Word marks; those outside the text name no word and are left out."""
    try:
        pairs = [(char, sample) for char, sample in marks]
    except (TypeError, ValueError):
        raise _bad_audio("the marks are not pairs") from None
    if not all(type(value) is int for pair in pairs for value in pair):
        raise _bad_audio("the marks are not numbers")
    return tuple(WordMark(c, s) for c, s in pairs if 0 <= c < n_chars and s >= 0)


def _server_error(header: dict[str, Any]) -> BackendError:
    """The server's own words stay with it: only a code that the law names is passed on."""
    name = header["code"] if header["code"] in list(ERRORS) else "failed"
    code, retryable = ERRORS[name]
    return BackendError(code, f"the server says {name}", retryable=retryable)


def _bad_audio(detail: str) -> BackendError:
    return BackendError("tts_bad_audio", detail, retryable=False)
