"""When frames are due, and how well they kept to it. Times in monotonic ns come in as arguments.

A stretch is the sound between two ends of playing: its first frame leaves at once and starts the clock.
Deadlines count from that frame, so a late frame delays none behind it; what a stall has cost is regained
by gaps of 16 instead of 20 ms, never by a burst, which would overrun the listener's jitter buffer.
"""

from array import array
from operator import add

from bus.audio import FRAME_NS

SHORTEST_GAP_NS = 16_000_000
"""Between two frames while time is regained: 50 ms are regained in a quarter of a second."""
BURST_NS = 15_000_000
"""Frames closer than this count as a burst."""
REGAINED_AT_MOST_NS = 1_000_000_000
"""A longer stall (a frozen process) is written off: the listener has heard the hole already, and its
regained frames would only wait in the listener's buffer."""


class FrameClock:
    """The deadlines of one stretch."""

    def __init__(self) -> None:
        self._n_left = 0
        self._origin_ns = 0
        self._last_ns = 0

    def due_ns(self) -> int:
        """When the next frame is to leave; 0 = at once."""
        if not self._n_left:
            return 0
        return max(self._deadline_ns(), self._last_ns + SHORTEST_GAP_NS)

    def left(self, now_ns: int) -> int:
        """A frame leaves now.

        Returns:
            By how many ns it missed its deadline; never negative.
        """
        if not self._n_left:
            self._origin_ns = now_ns
        late_ns = max(0, now_ns - self._deadline_ns())
        if late_ns > REGAINED_AT_MOST_NS:
            self._origin_ns += late_ns
        self._n_left += 1
        self._last_ns = now_ns
        return late_ns

    def held(self) -> None:
        """What is due is due 20 ms later."""
        self._origin_ns += FRAME_NS

    def _deadline_ns(self) -> int:
        return self._origin_ns + self._n_left * FRAME_NS


class PaceMeter:
    """How evenly frames left: the figures of a 20 ms sink, over any number of stretches.

    A deficit is a frame that the stretch's own clock expected (3,000 a minute) and that did not leave: it was
    too late, nothing could leave then, or its sink could not send it.
    """

    BIN_NS = 100_000
    """Gaps are sorted into bins of 0.1 ms, the last one (100 ms) holds all longer ones."""
    N_BINS = 1_001

    def __init__(self) -> None:
        self.n_frames = 0
        self.late = 0
        self.bursts = 0
        self.longest_gap_ns = 0
        self._gaps = array("L", bytes(array("L").itemsize * self.N_BINS))
        self._deficit = 0
        self._behind = 0
        self.begin()

    def begin(self) -> None:
        """A new stretch begins: the pause before it is no gap."""
        self._deficit += self._behind
        self._behind = 0
        self._clock = FrameClock()
        self._last_ns: int | None = None

    def left(self, now_ns: int) -> None:
        """A frame left now."""
        late_ns = self._clock.left(now_ns)
        self.n_frames += 1
        self.late += late_ns > FRAME_NS
        if late_ns > REGAINED_AT_MOST_NS:
            self._deficit += late_ns // FRAME_NS
            late_ns = 0
        self._behind = late_ns // FRAME_NS
        if self._last_ns is not None:
            self._note_gap(now_ns - self._last_ns)
        self._last_ns = now_ns

    def missed(self) -> None:
        """The frame that left last did not leave."""
        self._deficit += 1

    def held(self) -> None:
        """20 ms of a stretch pass in which nothing can leave; what follows is late by none of it."""
        self._deficit += 1
        self._clock.held()

    @property
    def deficit(self) -> int:
        """Frames that should have left and did not."""
        return self._deficit + self._behind

    def gap_ms(self, share: float) -> float:
        """The gap that `share` (0 to 1) of all gaps do not exceed, to 0.1 ms; 0 before the second frame."""
        n_wanted = share * sum(self._gaps)
        n_seen = 0
        for index, count in enumerate(self._gaps):
            n_seen += count
            if count and n_seen >= n_wanted:
                return min((index + 1) * self.BIN_NS, self.longest_gap_ns) / 1e6
        return 0.0

    def add(self, other: "PaceMeter") -> None:
        """Count another meter's frames as well."""
        self.n_frames += other.n_frames
        self.late += other.late
        self.bursts += other.bursts
        self.longest_gap_ns = max(self.longest_gap_ns, other.longest_gap_ns)
        self._deficit += other.deficit
        self._gaps = array("L", map(add, self._gaps, other._gaps))

    def facts(self) -> dict[str, str]:
        """The figures for health: what `bench` and an operator read."""
        return {
            "frames": str(self.n_frames),
            "deficit": str(self.deficit),
            "late": str(self.late),
            "bursts": str(self.bursts),
            "gap_p50_ms": f"{self.gap_ms(0.5):.1f}",
            "gap_p99_ms": f"{self.gap_ms(0.99):.1f}",
            "gap_max_ms": f"{self.longest_gap_ns / 1e6:.1f}",
        }

    def _note_gap(self, gap_ns: int) -> None:
        self.bursts += gap_ns < BURST_NS
        self.longest_gap_ns = max(self.longest_gap_ns, gap_ns)
        self._gaps[min(gap_ns // self.BIN_NS, self.N_BINS - 1)] += 1
