"""What is measured: a pipeline that turns a prompt into frames, ours or a bare one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, Self

from bench.figures import Pace
from bench.machine import Cost
from bus.audio import FRAME_MS

FRAME_NS = FRAME_MS * 1_000_000


@dataclass(frozen=True)
class Heard:
    """One turn as it was heard. Times are monotonic, of this machine."""

    asked_ns: int
    """The prompt was handed over to the model's stage."""
    first_ns: int
    """The first frame left."""
    n_frames: int
    ended_ns: int
    """20 ms behind the last frame, or when the turn was cut."""
    underruns: int
    """Times sound was missing when a frame was due."""
    steps_ns: tuple[int, ...] = ()
    """Moments between `asked_ns` and `first_ns`, where the pipeline tells them."""
    n_fade: int = 0
    """Frames behind the last one that fade it out."""

    def overhead_ms(self, floor_ms: float) -> float:
        """From the prompt to the first frame, without what the stubs take."""
        return (self.first_ns - self.asked_ns) / 1e6 - floor_ms

    @property
    def stretch(self) -> float:
        """Duration over real time: 1 is exact."""
        return (self.ended_ns - self.first_ns) / (self.n_frames * FRAME_NS)

    @property
    def last_ns(self) -> int:
        """The last frame left, a fade included."""
        return self.first_ns + (self.n_frames + self.n_fade - 1) * FRAME_NS

    def n_frames_after(self, moment_ns: int) -> int:
        """Frames that left behind a moment, on the grid of 20 ms that the first one starts."""
        n_before = (moment_ns - self.first_ns) // FRAME_NS + 1
        return max(0, self.n_frames - max(0, n_before))


def steps_ms(heard: Sequence[Heard]) -> list[list[float]]:
    """How long each step between the hand-over and the first frame took: per step, one value a turn."""
    moments = [(turn.asked_ns, *turn.steps_ns, turn.first_ns) for turn in heard]
    took_ms = [[(end - begin) / 1e6 for begin, end in pairwise(turn)] for turn in moments]
    return [list(step) for step in zip(*took_ms, strict=True)]


class Pipeline(Protocol):
    """Sessions are numbered from 0; each has one turn at a time."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def speak(self, session: int) -> Heard:
        """Ask, and wait until the reply was heard to its end or cut."""
        ...

    async def stop(self, session: int) -> int:
        """Ask for silence; returns the monotonic ns of asking."""
        ...

    async def pace(self) -> Pace:
        """Of all frames so far."""
        ...

    def cost(self) -> Cost:
        """Of all its processes so far."""
        ...
