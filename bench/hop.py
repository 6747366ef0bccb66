"""The reading end of one hop, as a process: `python -m bench.hop ours|bare N PORT [STATE_DIR]`.

Prints the delays of N messages in microseconds as JSON: from the sending of each until the reader has it.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import zmq
import zmq.asyncio

from bus.clock import SystemClock
from bus.keys import KeyRing
from bus.log import JsonLog
from bus.messages import Phase, SessionState
from bus.node import Node
from bus.settings import BusSettings
from bus.sockets import Transport

TOPIC = "flow.audio.discord_voice"
SESSION = "20260101-000000-0000"
TURN = 2
READER = ("discord_voice", (TOPIC,), ("control.session.discord_voice",))
WRITER = ("tts_bridge", (), (TOPIC,))


@contextmanager
def node_of(
    contract: tuple[str, tuple[str, ...], tuple[str, ...]], state_path: Path, base_port: int
) -> Iterator[Node]:
    """A node without an app; `open()` is up to the caller."""
    clock = SystemClock()
    name, reads, writes = contract
    with Transport(name, KeyRing.load(state_path), BusSettings(base_port=base_port)) as transport:
        node = Node(name, reads, writes, transport, clock, JsonLog(name, clock))
        try:
            yield node
        finally:
            node.close()


async def _ours(port: int, state_path: Path) -> AsyncIterator[int]:
    with node_of(READER, state_path, port) as node:
        await node.open()
        node.set_state(READER[2][0], SessionState(READER[0], Phase.ACTIVE, TURN, 1), SESSION)
        beat = asyncio.create_task(node.beat_for_ever())
        async for received in node.pull(TOPIC):
            yield time.monotonic_ns() - received.header.mono_ns
        beat.cancel()


async def _bare(port: int) -> AsyncIterator[int]:
    socket = zmq.asyncio.Context().socket(zmq.PULL)
    socket.connect(f"tcp://127.0.0.1:{port}")
    while True:
        message = msgpack.unpackb(await socket.recv())
        yield time.monotonic_ns() - message["mono_ns"]


async def main(words: list[str]) -> None:
    """Read and print."""
    kind, n_messages, port = words[0], int(words[1]), int(words[2])
    delays_us = []
    async for delay_ns in _ours(port, Path(words[3])) if kind == "ours" else _bare(port):
        delays_us.append(delay_ns / 1000)
        if len(delays_us) == n_messages:
            break
    print(json.dumps(delays_us))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
