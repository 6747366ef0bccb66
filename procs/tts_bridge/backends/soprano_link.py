"""One connection to a Soprano server: requests out, replies to whom they belong, and whether it is there.

The client is a DEALER. A socket and its monitor are drained when their file descriptors fire (half the CPU
of awaited receives); the descriptors are edge-triggered, so the state is asked after every use.
"""

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import Any, Protocol

import zmq
from zmq.utils.monitor import parse_monitor_message

from bus.errors import BackendError
from procs.tts_bridge.core.soprano import bad_audio, header_of

CONNECT_PATIENCE_S = 2.0
"""A server that is up answers a loopback handshake in milliseconds, a killed one is back within a second."""

PONG_PATIENCE_S = 2.0
"""A voice that works answers pings beside its work; one that does not is frozen."""

REPLY_LIMIT_BYTES = 16 * 1024 * 1024
"""Largest reply accepted: two minutes of float32 in one part."""

LINK_REQUESTS = 16
"""Requests in flight on one connection: the embedded server lets no more of one client wait. Further turns
get a further connection, which stays for later."""

DRAIN_BATCH = 64
"""Messages taken in one go before other work gets the loop."""

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


class Asker(Protocol):
    """Whoever waits for the replies to a request."""

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """A reply came."""
        ...

    def fail(self, error: BackendError) -> None:
        """Nothing more will come."""
        ...


class Link:
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
        self.requests: dict[str, Asker] = {}

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
        header = header_of(parts)
        if header is None:  # whose it is can't be known
            self._fail_all(bad_audio("a reply that can't be read"))
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
