"""What the sniffer heard: messages of any version, in a bounded queue of its own.

The queue sits between the socket and everything slow (decoding, printing): when it is full the newest
message is dropped and counted, so that a terminal that does not read costs the sniffer its own view and
nobody else anything.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bus import codec
from bus.clock import Clock
from bus.errors import DecodeError
from bus.header import Header
from bus.keys import KeyRing
from bus.settings import BusSettings
from bus.sockets import Transport, tap
from bus.topics import AUDIO_LIMIT_BYTES, TOPICS
from bus.wire import HEADER_LIMIT_BYTES, PARTS

QUEUE_LIMIT = 10_000
"""Messages heard and not yet looked at: two seconds of a bus at 5,000 messages a second."""

BATCH = 256
"""Messages looked at in one go: a few milliseconds, in which the socket's own buffer holds the rest."""


EMPTY = b"\x80"
"""A map without fields: all that anybody sees of a secret topic."""


@dataclass(frozen=True)
class Tapped:
    """A message as it was heard. Its body is decoded when somebody looks at it."""

    topic: str
    header: Header
    raw: bytes
    """The body's bytes."""
    n_bytes: int
    """Size of the message on the wire, all parts."""
    received_mono_ns: int
    received_wall_ns: int
    plain: dict[str, Any] | None = None
    """The body where it was decoded already."""

    @property
    def delay_ns(self) -> int:
        """From send to receipt; both clocks are this machine's."""
        return self.received_mono_ns - self.header.mono_ns

    @cached_property
    def body(self) -> dict[str, Any]:
        """The fields, as plain values.

        Raises:
            DecodeError: the bytes are no map.
        """
        if self.plain is not None:
            return self.plain
        fields = codec.decode_any(self.raw, AUDIO_LIMIT_BYTES)
        if type(fields) is not dict:
            raise DecodeError(f"{self.topic}: not a map")
        return fields


def tapped(parts: list[bytes], mono_ns: int, wall_ns: int) -> Tapped:
    """A message from its parts; unlike a node, the sniffer reads other protocol versions too.

    Raises:
        DecodeError: not a message of the bus.
    """
    if len(parts) != PARTS:
        raise DecodeError(f"{len(parts)} parts, not {PARTS}")
    header = codec.decode(parts[1], Header, HEADER_LIMIT_BYTES)
    topic = parts[0].decode("ascii", "replace")
    row = TOPICS.get(topic)
    body = EMPTY if row and row.secret else parts[2]
    return Tapped(topic, header, body, sum(map(len, parts)), mono_ns, wall_ns)


class Taps:
    """The queue between the socket and the verb."""

    def __init__(self, clock: Clock, limit: int = QUEUE_LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._queue: deque[Tapped] = deque()
        self._filled = asyncio.Event()
        self.overflowed = 0
        """Messages dropped because the queue was full."""
        self.undecodable = 0
        """Messages that are none of the bus."""

    @property
    def lost(self) -> int:
        """Messages that came and will not be seen."""
        return self.overflowed + self.undecodable

    def on_parts(self, parts: list[bytes]) -> None:
        """Take a message from the socket; never waits."""
        if len(self._queue) >= self._limit:
            self.overflowed += 1
            return
        try:
            self._queue.append(tapped(parts, self._clock.mono_ns(), self._clock.wall_ns()))
        except DecodeError:
            self.undecodable += 1
        self._filled.set()

    async def take(self, timeout_s: float) -> list[Tapped]:
        """The oldest `BATCH` messages heard; waits up to `timeout_s` for the first."""
        await asyncio.sleep(0)  # the socket gets its turn between two batches
        if not self._queue:
            self._filled.clear()
            try:
                await asyncio.wait_for(self._filled.wait(), timeout_s)
            except TimeoutError:
                return []
        return [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]


@contextmanager
def listening(keys: KeyRing, settings: BusSettings, prefixes: Iterable[str], clock: Clock) -> Iterator[Taps]:
    """Taps connected to every node of a stack, under the role `sniffer`."""
    taps = Taps(clock)
    with Transport("sniffer", keys, settings) as transport:
        reader = tap(transport, sorted(set(prefixes)), taps.on_parts)
        try:
            yield taps
        finally:
            reader.close()
