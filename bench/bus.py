"""The bus by itself: one hop, the codec, taps, and the dropping of what is stale; against bare pyzmq."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import timeit
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import zmq
import zmq.asyncio

from bench.figures import quantile
from bench.hop import READER, SESSION, TOPIC, TURN, WRITER, node_of
from bench.results import Cell, Results
from bus import codec, wire
from bus.audio import FRAME_BYTES
from bus.clock import SystemClock
from bus.core import Receiver
from bus.errors import PeerStalled
from bus.header import Stamper
from bus.inbox import Inbox
from bus.keys import KeyRing
from bus.messages import AudioFrame, ChatMessage, Phase, Prompt, SessionState, Token
from bus.settings import BusSettings
from bus.sockets import Transport, tap
from bus.topics import TOPICS
from tests.ports import free_base_port

APART_S = 0.005
"""Between two messages of a hop: each finds the reader asleep, as frames and tokens do."""

DEAD_TURN = TURN - 1
"""Below the beginning of the session."""

FRAME = AudioFrame(7, 0, bytes(FRAME_BYTES))
STAMPER = Stamper(WRITER[0], SystemClock())

SAMPLES: tuple[tuple[str, Any], ...] = (
    ("Token", Token(7, " evening")),
    ("AudioFrame", FRAME),
    (
        "Prompt of 17 messages",
        Prompt((ChatMessage("user", "How are you, and how is the weather? " * 3),) * 17),
    ),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--messages", type=int, default=2000, help="of the hop")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("bus")
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as folder:
        ours = asyncio.run(_hop_ours(Path(folder), args.messages))
        taps = asyncio.run(_tap_rows(Path(folder)))
    bare = asyncio.run(_hop_bare(args.messages))
    results.table("one hop of a frame to another process", *_hop_table(bare, ours))
    results.table(
        "codec, µs a message", ("message", "encode", "decode", "msgpack alone", "ratio"), _codec_rows()
    )
    results.table("a tap, µs a frame; target without a listener < 0.1", ("what", "µs"), taps)
    results.table("frames of a dead turn, from the socket's parts", ("what", "a second"), _stale_rows())
    results.save()


def _hop_table(bare: list[float], ours: list[float]) -> tuple[tuple[str, ...], list[list[Cell]]]:
    rows: list[list[Cell]] = []
    for name, values in (("bare pyzmq, PUSH / PULL", bare), ("ours: keys, header, judged by turn", ours)):
        p50 = quantile(values, 0.5)
        rows.append([name, p50, quantile(values, 0.99), max(values), p50 / quantile(bare, 0.5)])
    return ("hop", "p50 µs", "p99 µs", "max µs", "p50 / bare"), rows


async def _hop_ours(state_path: Path, n_messages: int) -> list[float]:
    base_port = free_base_port()
    with node_of(WRITER, state_path, base_port) as node:
        await node.open()
        reader = await _reader("ours", n_messages, base_port, state_path)
        return await _feed(reader, lambda: node.push(TOPIC, FRAME, SESSION, TURN))


async def _hop_bare(n_messages: int) -> list[float]:
    port = free_base_port()
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.PUSH)
    socket.bind(f"tcp://127.0.0.1:{port}")
    fields = codec.decode_any(codec.encode(FRAME), 10_000)
    reader = await _reader("bare", n_messages, port)
    delays_us = await _feed(
        reader, lambda: socket.send(msgpack.packb({**fields, "mono_ns": time.monotonic_ns()}))
    )
    context.destroy(linger=0)
    return delays_us


async def _reader(*words: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.hop", *map(str, words), stdout=asyncio.subprocess.PIPE
    )


async def _feed(reader: asyncio.subprocess.Process, send: Callable[[], Awaitable[object]]) -> list[float]:
    """Send until the reader has enough; returns the delays it saw, in µs."""

    async def feed() -> None:
        while True:
            with suppress(PeerStalled):  # the reader is still starting
                await send()
            await asyncio.sleep(APART_S)

    feeder = asyncio.create_task(feed())
    out, _ = await reader.communicate()
    feeder.cancel()
    delays_us: list[float] = json.loads(out)
    return delays_us


def _codec_rows() -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for name, message in SAMPLES:
        body, kind = codec.encode(message), type(message)
        plain = codec.decode_any(body, len(body))
        encode = _us(partial(codec.encode, message))
        decode = _us(partial(codec.decode, body, kind, len(body)))
        bare = _us(partial(_msgpack_alone, plain))
        rows.append([name, encode, decode, bare, (encode + decode) / bare])
    return rows


def _msgpack_alone(plain: Any) -> Any:
    return msgpack.unpackb(msgpack.packb(plain))


async def _tap_rows(state_path: Path) -> list[list[Cell]]:
    settings = BusSettings(base_port=free_base_port())
    parts = _parts(TURN)
    keys = KeyRing.load(state_path)
    with Transport(WRITER[0], keys, settings) as writer, Transport("sniffer", keys, settings) as sniffer:
        publisher = writer.publisher()
        asking = _us(partial(publisher.is_watched, TOPIC))
        reader = tap(sniffer, (TOPIC,), lambda parts: None)
        while not publisher.is_watched(TOPIC):
            await asyncio.sleep(0.01)
        sending = _us(partial(publisher.send, parts), n=100)
        reader.close()
        publisher.close()
    return [["nobody listens", asking], ["a sniffer listens", sending]]


def _stale_rows() -> list[list[Cell]]:
    """In the reader, from the parts that the socket gives; the last frame of each round is alive."""
    n_frames = TOPICS[TOPIC].limit - 1
    last = _parts(TURN)
    rows: list[list[Cell]] = []
    for name, turn in (("dropped on the header", DEAD_TURN), ("decoded and handed on", TURN)):
        parts = _parts(turn)
        us = asyncio.run(
            _through_receiver([parts] * n_frames + [last], 1 if turn == DEAD_TURN else n_frames + 1)
        )
        rows.append([name, 1e6 / us])
    bare = _us(lambda: (msgpack.unpackb(last[1]), msgpack.unpackb(last[2])))
    return [*rows, ["msgpack alone, header and body", 1e6 / bare]]


async def _through_receiver(messages: list[list[bytes]], n_alive: int) -> float:
    """µs a message, the best of some rounds."""
    clock = SystemClock()
    row, state = TOPICS[TOPIC], SessionState(READER[0], Phase.ACTIVE, TURN, 1)
    best_ns = sys.maxsize
    for _ in range(20):
        receiver = Receiver(READER[0], clock, READER[1])
        header = Stamper(READER[0], clock).stamp(READER[2][0], SESSION)
        receiver.observe(TOPICS[READER[2][0]], header, state)
        receiver.inboxes[TOPIC] = Inbox(row.limit)
        pulled = receiver.pull(TOPIC)
        began_ns = time.perf_counter_ns()
        for parts in messages:
            receiver.take_flow(row, parts)
        for _ in range(n_alive):
            await anext(pulled)
        best_ns = min(best_ns, time.perf_counter_ns() - began_ns)
    return best_ns / 1000 / len(messages)


def _parts(turn: int) -> list[bytes]:
    """A frame on the wire, of the one writer that there is."""
    return wire.pack(TOPIC, STAMPER.stamp(TOPIC, SESSION, turn), codec.encode(FRAME))


def _us(call: Callable[[], object], n: int = 2000) -> float:
    """µs of a call: the best of five rounds, since noise only adds."""
    return min(timeit.repeat(call, number=n, repeat=5)) / n * 1e6
