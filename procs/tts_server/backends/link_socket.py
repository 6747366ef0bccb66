"""The Soprano link's socket: a ZeroMQ ROUTER, guarded by CURVE where keys are given.

It moves frames and knows nothing of their meaning. A client that does not read loses replies instead of
holding up others: sound is refused once its queue is full, last words wait in a bounded box. The socket's
descriptor is edge-triggered, so its state is asked after every use. Source: zmq_socket (ZMQ_ROUTER),
zmq_setsockopt (ZMQ_ROUTER_MANDATORY), ZeroMQ RFC 26 (CurveZMQ) and RFC 27 (ZAP).
"""

import asyncio
from collections import deque

import zmq

from bus.errors import AddressTaken
from procs.tts_server.backends.base import ClientGone, OnFrames
from procs.tts_server.core.link import MAX_REQUEST_BYTES

ZAP_DOMAIN = "link.soprano"
"""Name under which the process's authenticator decides who may connect."""

MAX_QUEUED_REPLIES = 4_000
"""Replies held per client: four minutes of sound in chunks of 60 ms, one longest text at half speed."""

MAX_FINAL_REPLIES = 64
"""Last words held for a client that does not read; beyond it the oldest are dropped: it can't miss them."""

MAX_QUEUED_REQUESTS = 64
"""Requests held per client while the loop is busy; then TCP slows the client down."""

DRAIN_BATCH = 64
"""Requests taken in one go before other work gets the loop."""

RETRY_S = 0.02
"""Last words are offered again this often."""

BIND_PATIENCE_S = 3.0
"""A killed predecessor's port is free within this time, or somebody else holds it."""

_OPTIONS = {
    zmq.ROUTER_MANDATORY: 1,  # a full queue or a missing client is an error, not a silent loss
    zmq.SNDHWM: MAX_QUEUED_REPLIES,
    zmq.RCVHWM: MAX_QUEUED_REQUESTS,
    zmq.MAXMSGSIZE: 2 * MAX_REQUEST_BYTES,  # a bit too large is answered, far too large is cut off
    zmq.LINGER: 0,
    zmq.HEARTBEAT_IVL: 2_000,
    zmq.HEARTBEAT_TIMEOUT: 10_000,  # a frozen client is let go, with all that waits for it
    zmq.HANDSHAKE_IVL: 5_000,
    zmq.BACKLOG: 256,
}


class LinkSocket:
    """Listens for clients of the link.

    Args:
        context: the process's ZeroMQ context, whose authenticator guards `ZAP_DOMAIN`.
        address: like `tcp://127.0.0.1:47131`.
        secret_key: the server's CURVE key as Z85 text; None listens without keys.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", address: str, secret_key: bytes | None = None
    ) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._socket = socket = context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        if secret_key is not None:
            socket.curve_server = True
            socket.curve_secretkey = secret_key
            socket.zap_domain = ZAP_DOMAIN.encode()
        self._finals: dict[bytes, deque[list[bytes]]] = {}
        self._on_frames: OnFrames | None = None
        self._drain_due = False
        self._retry: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """See `Link.open`."""
        deadline = self._loop.time() + BIND_PATIENCE_S
        while True:
            try:
                self._socket.bind(self._address)
                return
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE or self._loop.time() > deadline:
                    raise AddressTaken(
                        f"{self._address} can't be used ({error.strerror}): stop the program that holds it, "
                        "or set bus.base_port to another value."
                    ) from None
            await asyncio.sleep(0.02)

    def listen(self, on_frames: OnFrames) -> None:
        """See `Link.listen`."""
        if self._socket.closed:
            return
        self._on_frames = on_frames
        self._loop.add_reader(self._socket.FD, self._drain)
        self._drain_soon()

    def send(self, client: bytes, frames: list[bytes]) -> bool:
        """See `Link.send`."""
        return client not in self._finals and self._try(client, frames)

    def send_final(self, client: bytes, frames: list[bytes]) -> None:
        """See `Link.send_final`."""
        waiting = self._finals.setdefault(client, deque(maxlen=MAX_FINAL_REPLIES))
        waiting.append(frames)
        self._offer_finals()

    def close(self) -> None:
        """See `Link.close`."""
        if self._socket.closed:
            return
        if self._retry is not None:
            self._retry.cancel()
        if self._on_frames is not None:
            self._loop.remove_reader(self._socket.FD)
        self._socket.close()

    def _try(self, client: bytes, frames: list[bytes]) -> bool:
        if self._socket.closed:
            raise ClientGone
        try:
            self._socket.send_multipart([client, *frames], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            raise ClientGone from None
        finally:
            if self._readable():  # sending may have swallowed the edge
                self._drain_soon()
        return True

    def _offer_finals(self) -> None:
        """Send what waits, to whoever takes it; look again soon if something stays."""
        for client, waiting in list(self._finals.items()):
            try:
                while waiting and self._try(client, waiting[0]):
                    waiting.popleft()
            except ClientGone:
                waiting.clear()
            if not waiting:
                del self._finals[client]
        if self._finals and (self._retry is None or self._retry.when() <= self._loop.time()):
            self._retry = self._loop.call_later(RETRY_S, self._offer_finals)

    def _readable(self) -> bool:
        """Whether a request is waiting; asking also re-arms the descriptor."""
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def _drain_soon(self) -> None:
        if not self._drain_due:
            self._drain_due = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        """Hand over what has arrived."""
        assert self._on_frames is not None
        self._drain_due = False
        for _ in range(DRAIN_BATCH):
            if self._socket.closed or not self._readable():
                return
            client, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            self._on_frames(client, frames)
        self._drain_soon()
