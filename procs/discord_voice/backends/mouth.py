"""What a session's voice says, 20 ms at a time: between the pacer's thread and the connection."""

from collections.abc import Callable
from typing import Protocol

from bus.audio import FRAME_NS
from procs.discord_voice.backends.discord_link import Connection
from procs.discord_voice.backends.opus import SILENCE, SILENCES, Encoder
from procs.discord_voice.core.link import OUTAGE_LIMIT_MS
from procs.sink.backends.base import Source

HOLD_FRAMES = 400
"""8 s: sound waits so long for a connection and goes on where it stopped, since a pause costs listeners less
than lost words do. It covers the longest ordinary outage (5 s until Discord has said what became of us).
After that the turn is given up, so that the answer can be written; in the same outage none waits again."""

LOST_FRAMES = 50
"""1 s in a row that could not be sent to those who listen: the turn is given up as well."""

OUTAGE_NS = OUTAGE_LIMIT_MS * 1_000_000
"""Whatever was held so long ago belongs to another outage."""

LEAD_FRAMES = 4
"""Silence before sound: with the frame ahead of it 100 ms. Discord's clients swallow about so much of what
follows a pause, while their buffers fill. Sound that comes unevenly gathers behind it meanwhile."""

AHEAD_FRAMES = 1
"""The speaking indicator goes 20 ms ahead of the first packet, since it travels another way."""

LEAD_AFTER_NS = 25 * FRAME_NS
"""Only after a pause of half a second: before it, buffers are still warm."""

HOLD = b"hold"
"""Stands for 20 ms in which nothing leaves; never sent."""


class Line(Protocol):
    """Where her voice goes; asked each 20 ms, from the pacer's thread."""

    @property
    def connection(self) -> Connection | None:
        """The one that stands now, if any."""
        ...

    @property
    def is_to_end(self) -> bool:
        """Whether that one may end at any moment, so that nothing should be on its way then."""
        ...

    @property
    def has_listeners(self) -> bool:
        """Whether anybody is in the channel besides her, or was when the last connection ended."""
        ...

    @property
    def silenced(self) -> str:
        """Error code while she may not speak where she is, else empty."""
        ...


class Mouth:
    """Opens for one stretch at a time.

    Args:
        line: where her voice goes.
        mono_ns: the monotonic clock.
    """

    def __init__(self, line: Line, mono_ns: Callable[[], int]) -> None:
        self._line = line
        self._mono_ns = mono_ns
        self._encoder = Encoder()
        self._last_ns: int | None = None
        self._source: Source | None = None
        self._ahead = self._lead = self._tail = 0
        self._held = self._held_ns = 0
        """Frames of this outage, the last of them when."""
        self._lost = 0
        """Frames in a row that did not leave."""

    def open(self, source: Source) -> None:
        """The next stretch begins."""
        now_ns = self._mono_ns()
        paused = self._last_ns is None or now_ns - self._last_ns > LEAD_AFTER_NS
        self._ahead, self._lead = AHEAD_FRAMES, LEAD_FRAMES if paused else 0
        self._source, self._tail = source, SILENCES
        self._lost = min(self._lost, LOST_FRAMES - 1)  # one frame tells whether it is still so
        if now_ns - self._held_ns > OUTAGE_NS:
            self._held = 0
        if connection := self._line.connection:
            connection.pause()

    def connected(self) -> None:
        """A connection stands: what was held is of the past."""
        self._held = 0

    def read(self) -> bytes:
        """The next 20 ms: `int16[960]`, SILENCE or HOLD; empty at the end. Never blocks."""
        connection = self._line.connection
        is_open = connection is not None and not connection.holds and not self._line.is_to_end
        if is_open:
            self._held = 0
        if self._source is not None and (code := self._hindrance()):
            self._give_up(self._source, code)
        elif self._source is not None and not is_open and self._held < HOLD_FRAMES:
            return self._hold(self._source)
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
        connection = self._line.connection
        if data is HOLD:
            if connection is not None:
                connection.pause()
        elif data is SILENCE:
            self._send(connection, data)
        elif self._send(connection, self._encoder.encode(data)):
            self._lost = 0
        else:
            self._lost += self._line.has_listeners
            if self._source is not None:
                self._source.missed()

    def _send(self, connection: Connection | None, opus: bytes) -> bool:
        if connection is None:
            return False
        self._last_ns = self._mono_ns()
        return connection.send(opus, self._last_ns)

    def _hindrance(self) -> str:
        """Error code if those who listen can't hear her, and waiting would not help."""
        if not self._line.has_listeners:
            return ""
        is_used_up = self._held >= HOLD_FRAMES or self._lost >= LOST_FRAMES
        return self._line.silenced or ("voice_interrupted" if is_used_up else "")

    def _hold(self, source: Source) -> bytes:
        """20 ms in which sound waits."""
        source.held()
        self._held += 1
        self._held_ns = self._mono_ns()
        return SILENCE if self._line.is_to_end and self._held <= SILENCES else HOLD

    def _give_up(self, source: Source, code: str) -> None:
        source.fail(code)
        self._source = None
        self._ahead = self._lead = 0
