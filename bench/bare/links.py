"""What lies between two stages: a queue in memory, or PUSH and PULL of ZeroMQ."""

import asyncio
from typing import Any, Protocol

import msgpack
import zmq
import zmq.asyncio

Message = dict[str, Any]


class Link(Protocol):
    """One direction, in order."""

    async def send(self, message: Message) -> None:
        """Hand a message on."""
        ...

    async def receive(self) -> Message:
        """The next message."""
        ...


class Memory:
    """Both ends in one process."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        self._queue.put_nowait(message)

    async def receive(self) -> Message:
        return await self._queue.get()


class Wire:
    """One end of a ZeroMQ connection; the writer binds."""

    def __init__(self, context: zmq.asyncio.Context, kind: int, port: int) -> None:
        self._socket = context.socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)
        address = f"tcp://127.0.0.1:{port}"
        if kind == zmq.PUSH:
            self._socket.bind(address)
        else:
            self._socket.connect(address)

    async def send(self, message: Message) -> None:
        await self._socket.send(msgpack.packb(message))

    async def receive(self) -> Message:
        message: Message = msgpack.unpackb(await self._socket.recv())
        return message
