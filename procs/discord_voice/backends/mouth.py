"""What a session's voice says, 20 ms at a time: between the pacer's thread and the connection."""

from collections.abc import Callable

from bus.audio import FRAME_NS
from procs.discord_voice.backends.discord_link import Connection
from procs.discord_voice.backends.opus import SILENCE, SILENCES, Encoder
from procs.sink.backends.base import Source

HOLD_FRAMES = 400
"""8 s: sound waits so long for a connection and goes on where it stopped, since a pause costs listeners less
than lost words do. It covers the longest ordinary outage (5 s until Discord has said what became of us).
After that the rest passes unheard, so that the answer ends at all."""

LEAD_FRAMES = 4
"""Silence before sound: with the frame ahead of it 100 ms. Discord's clients swallow about so much of what
follows a pause, while their buffers fill. Sound that comes unevenly gathers behind it meanwhile."""

AHEAD_FRAMES = 1
"""The speaking indicator goes 20 ms ahead of the first packet, since it travels another way."""

LEAD_AFTER_NS = 25 * FRAME_NS
"""Only after a pause of half a second: before it, buffers are still warm."""

HOLD = b"hold"
"""Stands for 20 ms in which nothing leaves; never sent."""


class Mouth:
    """Opens for one stretch at a time.

    Args:
        connection: the one that stands now, if any; asked each 20 ms.
        is_to_end: whether that one may end at any moment, so that nothing should be on its way then.
        mono_ns: the monotonic clock.
    """

    def __init__(
        self,
        connection: Callable[[], Connection | None],
        is_to_end: Callable[[], bool],
        mono_ns: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._is_to_end = is_to_end
        self._mono_ns = mono_ns
        self._encoder = Encoder()
        self._last_ns: int | None = None
        self._source: Source | None = None
        self._ahead = self._lead = self._tail = self._held = 0

    def open(self, source: Source) -> None:
        """The next stretch begins."""
        paused = self._last_ns is None or self._mono_ns() - self._last_ns > LEAD_AFTER_NS
        self._ahead, self._lead = AHEAD_FRAMES, LEAD_FRAMES if paused else 0
        self._source, self._tail, self._held = source, SILENCES, 0
        if connection := self._connection():
            connection.pause()

    def read(self) -> bytes:
        """The next 20 ms: `int16[960]`, SILENCE or HOLD; empty at the end. Never blocks."""
        connection = self._connection()
        if connection is not None and not connection.holds and not self._is_to_end():
            self._held = 0
        elif self._held < HOLD_FRAMES:
            self._held += 1
            return SILENCE if self._is_to_end() and self._held <= SILENCES else HOLD
        if self._ahead:
            self._ahead -= 1
            return HOLD
        if self._lead:
            self._lead -= 1
            return SILENCE
        if self._source is not None:
            if pcm := self._source.read():
                return pcm
            self._source = None
        self._tail -= 1
        return SILENCE if self._tail >= 0 and connection is not None else b""

    def say(self, data: bytes) -> None:
        """Let what was read leave; never waits."""
        connection = self._connection()
        if connection is None:
            return
        if data is HOLD:
            connection.pause()
            return
        self._last_ns = self._mono_ns()
        connection.send(data if data is SILENCE else self._encoder.encode(data), self._last_ns)
