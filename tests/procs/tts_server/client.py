"""What tests of this room share: a client that speaks the page's frames over a real DEALER socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zmq
import zmq.asyncio
from numpy.typing import NDArray

from bus.testing import MemoryNode
from tests.ports import free_base_port

PATIENCE_S = 30.0
"""A reply that takes longer never comes."""

SAMPLE_TYPES = {"s16le": ("<i2", 32_768.0), "f32le": ("<f4", 1.0)}


def memory_bus() -> Any:
    """The node's bus without sockets; `Any`, so that tests reach what it keeps and the app sees a `Bus`."""
    return MemoryNode("tts_server", ())


def free_address() -> str:
    """An address on loopback that nobody listens on and no outgoing connection takes."""
    return f"tcp://127.0.0.1:{free_base_port()}"


@dataclass
class Spoken:
    """All replies to one request."""

    headers: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The error code at its end, empty if it was spoken."""
        return str(self.headers[-1].get("code", ""))

    @property
    def rate_hz(self) -> int:
        """Rate of its sound."""
        return int(self.headers[0]["sample_rate"])

    @property
    def samples(self) -> NDArray[np.float64]:
        """Its sound, -1 to 1."""
        kind, scale = SAMPLE_TYPES[self.headers[0]["dtype"]]
        return np.frombuffer(b"".join(self.payloads), kind).astype(np.float64) / scale

    @property
    def seconds(self) -> float:
        """Length of its sound."""
        return len(self.samples) / self.rate_hz

    @property
    def marks(self) -> list[tuple[int, int]]:
        """Its word starts: (character, sample)."""
        return [(char, sample) for header in self.headers for char, sample in header.get("marks", [])]


class LinkClient:
    """One connection. Replies are read in order; `receive` gives those of all requests as they come."""

    def __init__(self, dealer: "zmq.asyncio.Socket") -> None:
        self._dealer = dealer

    async def send(self, *frames: bytes) -> None:
        """Send frames as they are.

        Raises:
            zmq.Again: the server has turned this client away, so that there is nowhere to send to.
        """
        await self._dealer.send_multipart(frames, zmq.NOBLOCK)

    async def ask(self, op: str, **fields: object) -> None:
        """Send a request."""
        await self.send(json.dumps({"v": 1, "op": op, **fields}).encode())

    async def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next reply of any request."""
        async with asyncio.timeout(PATIENCE_S):
            header, payload = await self._dealer.recv_multipart()
        return json.loads(header), payload

    async def finished(self, *request_ids: str) -> dict[str, Spoken]:
        """All replies to these requests, in whatever order they come."""
        spoken = {request_id: Spoken() for request_id in request_ids}
        open_ids = set(request_ids)
        while open_ids:
            header, payload = await self.receive()
            own = spoken[header["id"]]
            own.headers.append(header)
            own.payloads.append(payload)
            if header.get("last") or "code" in header:
                open_ids.discard(header["id"])  # a cancel that came too late is answered too
        return spoken

    async def say(self, text: str, request_id: str = "r", **fields: object) -> Spoken:
        """Have a text spoken and wait for all of it."""
        await self.ask("say", id=request_id, text=text, **fields)
        return (await self.finished(request_id))[request_id]

    async def pong(self, n: int = 1) -> dict[str, Any]:
        """Ping and wait for the answer."""
        await self.ask("ping", n=n)
        header, _ = await self.receive()
        return header

    async def warmed_up(self) -> dict[str, Any]:
        """Wait until the server is ready."""
        async with asyncio.timeout(PATIENCE_S):
            while not (pong := await self.pong())["warmed_up"]:
                await asyncio.sleep(0.005)
        return pong


@asynccontextmanager
async def connected(
    address: str, keys: tuple[bytes, bytes, bytes] | None = None, receive_limit: int = 10_000
) -> AsyncIterator[LinkClient]:
    """A client; `keys` are the server's public and its own public and secret key."""
    context = zmq.asyncio.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.rcvhwm = receive_limit
    if keys is not None:
        dealer.curve_serverkey, dealer.curve_publickey, dealer.curve_secretkey = keys
    dealer.connect(address)
    try:
        yield LinkClient(dealer)
    finally:
        context.destroy(linger=0)
