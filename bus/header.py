"""The header of every message, and who stamps it. Fields and meaning: `bus/PROTOCOL.md`, section Header."""

from dataclasses import dataclass

from bus.clock import Clock

PROTOCOL = 1
"""Version of the wire. Raised by a rename, a removal or a change of meaning, never by a new field."""


@dataclass(frozen=True, slots=True)
class Header:
    """Eight fields that let a reader judge a message without decoding its body."""

    v: int
    """Protocol version."""
    src: str
    """Node name of the writer."""
    boot: int
    """Wall ns at the writer's start: names the incarnation; larger is newer."""
    seq: int
    """Per (src, boot, topic), from 0, +1: gaps are losses."""
    session: str
    """Session id, empty outside one."""
    turn: int
    """Wall ms at which the turn was issued, 0 outside one."""
    mono_ns: int
    """Monotonic clock at send."""
    wall_ns: int
    """Wall clock at send, for people and recordings."""


class Stamper:
    """Makes the headers of one incarnation of a node."""

    def __init__(self, src: str, clock: Clock) -> None:
        self.src = src
        self.boot = clock.wall_ns()
        self._clock = clock
        self._next_seq: dict[str, int] = {}

    def stamp(self, topic: str, session: str = "", turn: int = 0) -> Header:
        """A fresh header; counts up the topic's sequence."""
        seq = self._next_seq.get(topic, 0)
        self._next_seq[topic] = seq + 1
        clock = self._clock
        return Header(PROTOCOL, self.src, self.boot, seq, session, turn, clock.mono_ns(), clock.wall_ns())
