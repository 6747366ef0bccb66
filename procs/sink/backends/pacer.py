"""A thread that reads sound each 20 ms for any number of sessions, on absolute deadlines.

A thread and not a task of the event loop, since a loop is late whenever somebody's callback is slow: with
50 sessions on two cores and a loop that computed for 50 ms each second, frames left up to 1.3 ms late
(p99) from a thread and 37 ms from the loop; without such stalls 0.7 and 1.1 ms. One thread and not one per
session, since fifty of them would queue for the same interpreter lock. It knows nothing of files or
Discord; it never writes, and what it calls must not wait.
"""

import heapq
import itertools
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from procs.sink.core.pacing import FrameClock

SWITCH_INTERVAL_S = 0.001
"""How long another thread may keep the interpreter from one whose frame is due. Python's own 5 ms are a
quarter of a frame: with them the 1.3 ms above were 4.7, for 7 % less CPU."""


@dataclass
class Stretch:
    """One stretch of sound being paced."""

    read: Callable[[], bytes]
    """The next 20 ms, empty at the end."""
    play: Callable[[bytes], None]
    """Takes each frame as it leaves."""
    ended: Callable[[], None]
    """Called once, behind the last frame."""
    clock: FrameClock = field(default_factory=FrameClock)
    stopped: bool = False

    def stop(self) -> None:
        """End within 20 ms, whatever is left to read."""
        self.stopped = True


class Pacer:
    """Deadlines of all stretches in one heap.

    Args:
        mono_ns: the monotonic clock.
    """

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        self._mono_ns = mono_ns
        self._woken = threading.Condition()
        self._heap: list[tuple[int, int, Stretch]] = []
        self._order = itertools.count()
        self._closed = False

    def start(
        self, read: Callable[[], bytes], play: Callable[[bytes], None], ended: Callable[[], None]
    ) -> Stretch:
        """Pace a stretch. Its first frame leaves at once and here: the pacer's thread would have to take
        the interpreter from a loop that is just working through the frames behind it, which took 7 ms."""
        stretch = Stretch(read, play, ended)
        if self._step(stretch):
            with self._woken:
                self._woken.notify()
        else:
            ended()
        return stretch

    def close(self) -> None:
        """Let `run` end all stretches and return."""
        with self._woken:
            self._closed = True
            self._woken.notify()

    def run(self) -> None:
        """Pace until closed; the whole life of the thread."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        while stretch := self._wait_for_due():
            if not self._step(stretch):
                stretch.ended()
        for _, _, stretch in self._heap:
            stretch.ended()

    def _wait_for_due(self) -> Stretch | None:
        """The stretch whose frame is due, once it is; None when closed."""
        with self._woken:
            while not self._closed:
                if not self._heap:
                    self._woken.wait()
                    continue
                wait_ns = self._heap[0][0] - self._mono_ns()
                if wait_ns <= 0:
                    return heapq.heappop(self._heap)[2]
                self._woken.wait(wait_ns / 1e9)
        return None

    def _step(self, stretch: Stretch) -> bool:
        """Let one frame leave; False at the end of the stretch."""
        pcm = b"" if stretch.stopped else stretch.read()
        if not pcm:
            return False
        stretch.clock.left(self._mono_ns())
        stretch.play(pcm)
        with self._woken:
            self._push(stretch)
        return True

    def _push(self, stretch: Stretch) -> None:
        heapq.heappush(self._heap, (stretch.clock.due_ns(), next(self._order), stretch))
