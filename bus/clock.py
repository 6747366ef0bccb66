"""The only reader of time. Cores take times as arguments; tests pass a `FakeClock` (`bus/testing.py`)."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: monotonic for durations and deadlines, wall for people and recordings."""

    def mono_ns(self) -> int:
        """Nanoseconds that never step back; comparable only on this machine."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970; may step."""
        ...


class SystemClock:
    """The machine's clocks."""

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()
