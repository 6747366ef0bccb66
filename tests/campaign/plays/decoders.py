"""S2 to S4: hostile bytes for everything in the house that turns bytes into something.

Every decoder either gives a value or refuses in its own words; the bus besides counts each refusal.
"""

import os
import pickle
import random
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgpack

from bus import codec, wire
from bus.core import Receiver
from bus.errors import BackendError, DecodeError, WrongVersion
from bus.header import PROTOCOL, Header
from bus.inbox import Inbox
from bus.testing import FakeClock
from bus.topics import AUDIO_LIMIT_BYTES, CONTROL_LIMIT_BYTES, TOPICS, Pattern, Topic
from procs.guardian.backends.listener import _header as listener_header
from procs.guardian.backends.listener import _notice as listener_notice
from procs.llm_streamer.core import deltas
from procs.llm_streamer.core.failures import Failure
from procs.llm_streamer.core.sse import SseParser
from procs.tts_bridge.backends.rvc_connection import _is_error
from procs.tts_bridge.backends.rvc_ws import _is_warm
from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.soprano import chunk_of, header_of, server_error
from procs.tts_server.core import link
from tests.bus.samples import SAMPLES
from tests.bus.test_codec import mutated
from tests.campaign.campaign import Run, percentile
from tests.doubles.llm import chat, usage

HEADER = codec.encode(Header(PROTOCOL, "bot_main", 5, 7, "20261120-173000-a1b2", 1_790_000_000_123, 11, 13))

BATCH = 10_000
"""Frames of one run of S3."""

REFUSALS = (DecodeError, WrongVersion, BackendError, Failure, link.Refused)
"""How decoders say no."""

Decoder = Callable[[bytes], object]


def _events(chunk: bytes) -> object:
    """What a language model's server sends, to the deltas it means."""
    parser = SseParser()
    return [deltas.read(event) for event in (*parser.feed(chunk), *parser.finish())]


def _link_reply(data: bytes) -> object:
    """A reply of a voice server on the Soprano link."""
    header = header_of([data, bytes(8)])
    if header is None:
        raise DecodeError("not a header")
    if "code" in header:
        raise server_error(header)
    return chunk_of(header, bytes(8), Piece(0, "a text", tuple(range(6)), ends_sentence=True))


def _link_request(data: bytes) -> object:
    return link.parse([data])


def _supervisor_notice(data: bytes) -> object:
    return listener_notice("PROCESS_STATE_EXITED", data)


def _of_message(message: type) -> Decoder:
    return lambda body: codec.decode(body, message, AUDIO_LIMIT_BYTES)


SUPERVISOR_HEADER = (
    b"ver:3.0 server:miku serial:21 pool:guardian poolserial:10 eventname:PROCESS_STATE_EXITED len:54\n"
)

DECODERS: tuple[tuple[bytes, Decoder], ...] = (
    *((codec.encode(sample), _of_message(type(sample))) for sample in SAMPLES),
    (HEADER, lambda data: wire.unpack_header([b"control.turn", data, b""])),
    (b"report.playout.discord_voice", lambda data: wire.unpack_header([data, HEADER, b""])),
    (chat("Hello", thought="hm", finish="stop") + usage(), _events),
    (b'data: {"error":{"message":"loading model","type":"unavailable_error","code":503}}\n\n', _events),
    (b'{"v":1,"op":"say","id":"r-1","text":"Hello there.","voice":"en","speed":1.5}', _link_request),
    (b'{"v":1,"op":"ping","n":7}', _link_request),
    (b"".join(link.sound_reply("r-1", 0, 48_000, "f32le", marks=((0, 0), (2, 9)))), _link_reply),
    (b"".join(link.error_reply("r-1", "busy")), _link_reply),
    (SUPERVISOR_HEADER, listener_header),
    (b"processname:bot_main groupname:miku from_state:RUNNING expected:0 pid:17", _supervisor_notice),
    (b'{"error": "out of memory"}', lambda d: _is_error(d.decode("utf-8", "replace"))),
    (b'{"status": "healthy", "warmed_up": true}', _is_warm),
)  # fmt: skip
"""A sample of everything that is decoded, and what decodes it."""


def s3_mutations(run: Run) -> None:
    """Samples with a few bytes changed, and random bytes, into every decoder."""
    took_us = []
    for _ in range(BATCH):
        sample, decode = run.dice.choice(DECODERS)
        data = mutated(run.dice, sample) if run.dice.random() < 0.9 else run.dice.randbytes(len(sample))
        began_ns = time.thread_time_ns()
        try:
            decode(data)
        except REFUSALS:
            pass
        # The point of the campaign: nothing else may come out, and what does is shown with its cause.
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} from {data!r}") from error
        took_us.append((time.thread_time_ns() - began_ns) / 1000)
    run.note("decoding p50, us", percentile(took_us, 0.5))
    run.note("decoding p99, us", percentile(took_us, 0.99))
    run.note("decoding worst, us", max(took_us))


# --- S2: what would run foreign code if anything did ----------------------------------------------------


class Gadget:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._canary}",)


class Bench:
    """A receiver that reads every topic its node may read, and counts what it refuses."""

    def __init__(self, row: Topic) -> None:
        self.row = row
        self.receiver = Receiver(row.readers[0], FakeClock(), (row.name,))
        self._is_flow = row.pattern in (Pattern.FLOW, Pattern.REQUEST)
        if self._is_flow:
            self.receiver.inboxes[row.name] = Inbox(row.limit)

    @property
    def header(self) -> bytes:
        """Of the topic's writer."""
        return codec.encode(Header(PROTOCOL, self.row.writers[0], 5, 7, "", 0, 11, 13))

    def counts(self, parts: list[bytes]) -> int:
        """How many refusals a message adds: those of flows are counted when the app takes it."""
        before = self.receiver.decode_errors
        if not self._is_flow:
            self.receiver.take_published(parts)
            return self.receiver.decode_errors - before
        self.receiver.take_flow(self.row, parts)
        if self.receiver.decode_errors != before:
            return self.receiver.decode_errors - before
        try:
            wire.unpack_body(self.row, parts[2])
        except DecodeError:
            return 1
        return 0


def _body_of(row: Topic) -> bytes:
    return next(codec.encode(sample) for sample in SAMPLES if type(sample) is row.message)


def _gadget_frames(bench: Bench, gadget: bytes) -> list[list[bytes]]:
    """A pickle wherever bytes can stand, in every dress that a library might undress."""
    name, header, body = bench.row.name.encode(), bench.header, _body_of(bench.row)
    fields = msgpack.unpackb(body)
    first = next(iter(fields))
    numpy_array = {b"nd": True, b"type": "O", b"kind": b"O", b"shape": [1], b"data": gadget}
    return [
        [gadget, header, body],
        [name, gadget, body],
        [name, header, gadget],
        [name, header, msgpack.packb(msgpack.ExtType(5, gadget))],
        [name, header, msgpack.packb({**fields, first: msgpack.ExtType(1, gadget)})],
        [name, header, msgpack.packb({**fields, "from_the_future": msgpack.ExtType(42, gadget)})],
        [name, header, msgpack.packb({**fields, first: {"__class__": gadget}})],
        [name, header, msgpack.packb(numpy_array)],
        [name, header, b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,), }" + gadget],
        [name, msgpack.packb({**asdict(Header(1, "x", 1, 1, "", 1, 1, 1)), "src": gadget}), body],
        [name, header, body, gadget],
    ]


def s2_gadgets(run: Run) -> None:
    """Frames with pickles, extension types and object arrays, on every topic."""
    canary = Path(f"/tmp/miku-canary-{os.getpid()}-{run.seed}")
    for row in TOPICS.values():
        bench = Bench(row)
        gadget = pickle.dumps(Gadget(canary), protocol=run.dice.randrange(6))
        for number, parts in enumerate(_gadget_frames(bench, gadget)):
            assert bench.counts(parts) == 1, f"{row.name}: frame {number} was not refused and counted once"
    assert not canary.exists(), "a gadget has run"


# --- S4: too large, too deep, too many --------------------------------------------------------------------

LENGTHS = (b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9")
"""Array, map, bytes, text and extension whose length takes four bytes."""

_HUGE = bytes(100 * 1024 * 1024)


def _claims(dice: random.Random) -> bytes:
    """Claims more elements than there are."""
    claimed = dice.choice((2**32 - 1, 2**31, 2**24, dice.randrange(1000, 2**32)))
    return dice.choice(LENGTHS) + claimed.to_bytes(4) + dice.randbytes(dice.randrange(64))


def _deep(dice: random.Random) -> bytes:
    depth = dice.choice((9, 10, 100, 511, 1_000, 5_000, 60_000))
    opening = dice.choice((b"\x91", b"\x81\xa1a"))
    return (opening * depth)[: CONTROL_LIMIT_BYTES - 1] + b"\xc0"


def _doubled(dice: random.Random) -> bytes:
    """A map whose last key has been there before."""
    keys = [f"k{i}" for i in range(dice.randrange(1, 14))]
    pairs = [msgpack.packb(key) + msgpack.packb(i) for i, key in enumerate([*keys, dice.choice(keys)])]
    return bytes([0x80 + len(pairs)]) + b"".join(pairs)


def _oversized(dice: random.Random) -> bytes:
    return bytes(AUDIO_LIMIT_BYTES + dice.randrange(1, 64 * 1024))


def _huge(dice: random.Random) -> bytes:
    return _HUGE


SHAPES = (_claims, _claims, _deep, _deep, _doubled, _doubled, _oversized, _huge)


def s4_shapes(run: Run) -> None:
    """One hundred frames that are too large, too deep, or claim to be; each refused at a small price."""
    for _ in range(100):
        row = run.dice.choice(list(TOPICS.values()))
        data = run.dice.choice(SHAPES)(run.dice)
        began_ns = time.thread_time_ns()
        _refuse(row, data)
        run.note("refusing, ms", (time.thread_time_ns() - began_ns) / 1e6)
        tracemalloc.start()  # which makes everything slow: so all is done twice
        _refuse(row, data)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 1_000_000, f"{peak_bytes:,} bytes for {data[:40]!r} of {len(data)}"


def _refuse(row: Topic, data: bytes) -> None:
    try:
        wire.unpack_body(row, data)
    except DecodeError:
        return
    raise AssertionError(f"{row.name} took {len(data)} bytes: {data[:40]!r}")
