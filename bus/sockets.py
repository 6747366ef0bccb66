"""Everything that touches ZeroMQ: publisher with last values and taps, subscriber, pusher, puller.

Each socket states all its options: bounds, message size, heartbeats, handshake and linger; the library's
defaults (no size limit, no heartbeats, infinite linger) are unsafe. Sockets are read by draining them
when their file descriptor fires, which costs about half the CPU of one awaited receive per message; the
descriptor is edge-triggered, so its state is asked after every use. Source: zmq_getsockopt (ZMQ_FD,
ZMQ_EVENTS), ZeroMQ RFC 26 and 27; the ZeroMQ guide, chapters 4 and 5.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import zmq
from zmq.auth.asyncio import AsyncioAuthenticator

from bus.errors import AddressTaken, PeerStalled
from bus.keys import KeyRing, admitted
from bus.settings import BusSettings
from bus.topics import AUDIO_LIMIT_BYTES, NODES, Topic, flow_port, publisher_port

Parts = list[bytes]
OnParts = Callable[[Parts], None]
Options = dict[zmq.SocketOption, int]

SUBSCRIBER_LIMIT = 1_000
"""Fuse of a publisher per subscriber, in messages: beyond it the observer loses, never the observed."""

PUSH_DEADLINE_S = 2.0
"""A flow that does not move for this long has failed (architecture, backpressure)."""

BIND_PATIENCE_S = 3.0
"""A killed predecessor's port is free within this time, or somebody else holds it."""

DRAIN_BATCH = 64
"""Messages taken in one go before other work gets the loop: about 1 ms."""

_OPTIONS: Options = {
    zmq.LINGER: 100,
    zmq.MAXMSGSIZE: AUDIO_LIMIT_BYTES,
    zmq.HANDSHAKE_IVL: 5_000,
    zmq.RECONNECT_IVL: 20,
    zmq.RECONNECT_IVL_MAX: 250,
    zmq.BACKLOG: 256,
    zmq.IMMEDIATE: 1,
}

_HEARTBEATS: Options = {
    zmq.HEARTBEAT_IVL: 2_000,
    zmq.HEARTBEAT_TIMEOUT: 3_000,
    zmq.HEARTBEAT_TTL: 5_000,
}
"""Asked by the end that connects; the one that listens notices when nobody asks any more (ZMTP 3.1, PING)."""

_POLLIN, _POLLOUT = int(zmq.POLLIN), int(zmq.POLLOUT)
"""Plain numbers: combining the library's flags anew for each look costs as much as the look."""


def _events(socket: "zmq.Socket[bytes]") -> int:
    """What the socket is ready for now; asking also re-arms its edge-triggered descriptor."""
    return int(socket.getsockopt(zmq.EVENTS))


_MORE, _LAST = int(zmq.NOBLOCK | zmq.SNDMORE), int(zmq.NOBLOCK)
"""Plain numbers: combining the library's flags anew for each message takes a third of a send."""


def _send(socket: "zmq.Socket[bytes]", parts: Parts) -> None:
    """Send all parts or none, without waiting; ZeroMQ refuses a message at its first part only.

    Raises:
        zmq.Again: no room now.
    """
    for part in parts[:-1]:
        socket.send(part, _MORE)
    socket.send(parts[-1], _LAST)


class _Admission:
    """Credentials provider for ZAP: asks the list who may connect to a domain."""

    def __init__(self, keys: KeyRing, roles: Callable[[str], frozenset[str]]) -> None:
        self._keys = keys
        self._roles = roles

    def callback(self, domain: str, key: bytes) -> bool:
        return self._keys.role_of(key) in self._roles(domain)


class Transport:
    """One process's ZeroMQ context: makes sockets with keys and options, closes them all."""

    def __init__(self, role: str, keys: KeyRing, settings: BusSettings) -> None:
        self.role = role
        self.keys = keys
        self._settings = settings
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 4096)
        self._authenticator = AsyncioAuthenticator(self.context)

    def __enter__(self) -> Self:
        self._authenticator.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._authenticator.stop()
        self.context.destroy(linger=100)

    def admit(self, domain: str, roles: frozenset[str] | None = None) -> None:
        """Guard a ZAP domain: `roles`, or whom the list of topics names, may connect."""
        allowed = admitted(domain) if roles is None else roles
        self._authenticator.configure_curve_callback(
            domain=domain, credentials_provider=_Admission(self.keys, lambda _: allowed)
        )

    def bind(self, kind: int, port: int, domain: str, options: Options) -> "zmq.Socket[bytes]":
        """A listening socket that only admitted roles can connect to.

        Raises:
            AddressTaken: another process holds the port.
        """
        self.admit(domain)
        socket = self._socket(kind, options)
        _, secret = self.keys.pair(self.role)
        socket.curve_server = True
        socket.curve_secretkey = secret
        socket.zap_domain = domain.encode()
        self._bind_patiently(socket, f"tcp://{self._settings.host}:{port}")
        return socket

    def connect(
        self, kind: int, ports: dict[str, int], options: Options, prefixes: Iterable[str] = ()
    ) -> "zmq.Socket[bytes]":
        """A socket connected to the ports of other roles, as {role: port}."""
        socket = self._socket(kind, {**_HEARTBEATS, **options})
        socket.curve_publickey, socket.curve_secretkey = self.keys.pair(self.role)
        for prefix in prefixes:
            socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        for role, port in ports.items():
            socket.curve_serverkey = self.keys.public(role)
            socket.connect(f"tcp://{self._settings.host}:{port}")
        return socket

    def _socket(self, kind: int, options: Options) -> "zmq.Socket[bytes]":
        socket = self.context.socket(kind)
        for option, value in {**_OPTIONS, **options}.items():
            socket.setsockopt(option, value)
        return socket

    def _bind_patiently(self, socket: "zmq.Socket[bytes]", address: str) -> None:
        """Runs once at the start, before the loop serves anything, so that it may wait."""
        deadline = time.monotonic() + BIND_PATIENCE_S
        while True:
            try:
                socket.bind(address)
                return
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE or time.monotonic() > deadline:
                    raise AddressTaken(
                        f"{address} can't be used ({error.strerror}): stop the program that holds it, "
                        "or set bus.base_port to another value."
                    ) from None
                time.sleep(0.02)

    def publisher(self) -> "Publisher":
        """This node's publisher."""
        port = publisher_port(self.role, self._settings.base_port)
        options = {zmq.SNDHWM: SUBSCRIBER_LIMIT, zmq.XPUB_VERBOSE: 1}
        return Publisher(self.bind(zmq.XPUB, port, f"publisher.{self.role}", options))

    def subscriber(self, nodes: Iterable[str], prefixes: Iterable[str], on_parts: OnParts) -> "Reader":
        """Reads topics that begin with a prefix from the publishers of some nodes."""
        ports = {node: publisher_port(node, self._settings.base_port) for node in nodes}
        socket = self.connect(zmq.SUB, ports, {zmq.RCVHWM: SUBSCRIBER_LIMIT}, prefixes)
        return Reader(socket, on_parts)

    def pusher(self, row: Topic) -> "Pusher":
        """The writing end of a flow (bound) or of requests (connected)."""
        options = {zmq.SNDHWM: row.limit}
        port = flow_port(row.name, self._settings.base_port)
        if row.pattern == "request":
            return Pusher(self.connect(zmq.PUSH, {row.readers[0]: port}, options))
        return Pusher(self.bind(zmq.PUSH, port, row.name, options))

    def puller(self, row: Topic, on_parts: OnParts) -> "Reader":
        """The reading end of a flow (connected) or of requests (bound)."""
        options = {zmq.RCVHWM: row.limit}
        port = flow_port(row.name, self._settings.base_port)
        if row.pattern == "request":
            return Reader(self.bind(zmq.PULL, port, row.name, options), on_parts)
        return Reader(self.connect(zmq.PULL, {row.writers[0]: port}, options), on_parts)


class Reader:
    """Drains a socket into a callback. `pause()` leaves messages in the socket: backpressure."""

    def __init__(self, socket: "zmq.Socket[bytes]", on_parts: OnParts) -> None:
        self._socket = socket
        self._on_parts = on_parts
        self._loop = asyncio.get_running_loop()
        self._paused = False
        self._loop.add_reader(socket.FD, self._drain)
        self._loop.call_soon(self._drain)

    def pause(self) -> None:
        """Take nothing more until `resume()`."""
        self._paused = True

    def resume(self) -> None:
        """Go on draining."""
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._drain)

    def close(self) -> None:
        """Stop reading and close the socket."""
        if not self._socket.closed:
            self._loop.remove_reader(self._socket.FD)
            self._socket.close()

    def _drain(self) -> None:
        for _ in range(DRAIN_BATCH):
            if self._socket.closed or not _events(self._socket) & _POLLIN or self._paused:
                return  # asked even when paused: an unasked descriptor keeps the loop awake
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:  # a peer went away between the question and the answer
                continue
            self._on_parts(parts)
        self._loop.call_soon(self._drain)


class Publisher:
    """XPUB of a node: sends levels and events, re-sends levels to each new subscription, mirrors flows."""

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self._socket = socket
        self._prefixes: set[str] = set()
        self._watched: dict[str, bool] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(socket.FD, self._read_subscriptions)
        self.on_subscription: Callable[[str], None] = lambda prefix: None

    def send(self, parts: Parts) -> None:
        """Send to whoever subscribes; a subscriber that does not read loses, nobody waits."""
        if self._socket.closed:
            return
        _send(self._socket, parts)
        if _events(self._socket) & _POLLIN:
            self._loop.call_soon(self._read_subscriptions)

    def is_watched(self, topic: str) -> bool:
        """Whether anybody subscribes to the topic: what makes a tap free while nobody listens."""
        watched = self._watched.get(topic)
        if watched is None:
            watched = self._watched[topic] = any(topic.startswith(p) for p in self._prefixes)
        return watched

    def close(self) -> None:
        """Close the socket; what was sent may still leave within its linger."""
        if not self._socket.closed:
            self._loop.remove_reader(self._socket.FD)
            self._socket.close()

    def _read_subscriptions(self) -> None:
        while not self._socket.closed and _events(self._socket) & _POLLIN:
            message = self._socket.recv(zmq.NOBLOCK)
            prefix = message[1:].decode("ascii", "replace")
            if message[:1] == b"\x01":
                self._prefixes.add(prefix)
                self._watched.clear()
                self.on_subscription(prefix)
            elif message[:1] == b"\x00":
                self._prefixes.discard(prefix)
                self._watched.clear()


class Pusher:
    """Writing end of a flow: in order, waiting while the reader is slow, up to a deadline."""

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._maybe_writable = asyncio.Event()
        self._loop.add_reader(socket.FD, self._look)

    async def push(self, parts: Parts, deadline_s: float = PUSH_DEADLINE_S) -> None:
        """Send one message behind all earlier ones.

        Raises:
            PeerStalled: it could not be sent within the deadline; it was not sent.
        """
        if not self._turn.locked() and self._try(parts):
            return
        try:
            async with asyncio.timeout(deadline_s), self._turn:
                while not self._try(parts):
                    await self._wait()
        except TimeoutError:
            raise PeerStalled(f"{parts[0].decode()}: no reader took anything for {deadline_s:g} s") from None

    def close(self) -> None:
        """Close the socket; what was sent may still leave within its linger."""
        if not self._socket.closed:
            self._loop.remove_reader(self._socket.FD)
            self._socket.close()

    def _try(self, parts: Parts) -> bool:
        try:
            _send(self._socket, parts)
        except zmq.Again:
            return False
        return True

    def _look(self) -> None:
        """The descriptor fired; unless its socket is asked it stays readable and keeps the loop awake."""
        if _events(self._socket) & _POLLOUT:
            self._maybe_writable.set()

    async def _wait(self) -> None:
        """Until the socket may be writable; its descriptor can miss an edge, so look each 10 ms too."""
        self._maybe_writable.clear()
        if _events(self._socket) & _POLLOUT:
            return
        try:
            await asyncio.wait_for(self._maybe_writable.wait(), 0.01)
        except TimeoutError:
            return


def tap(transport: Transport, prefixes: Iterable[str], on_parts: OnParts) -> Reader:
    """Listen to the publishers of all nodes, as the sniffer does: states, events and mirrored flows."""
    return transport.subscriber(NODES, prefixes, on_parts)
