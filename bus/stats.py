"""Counters for health and the sniffer: gaps, generations, rates. Pure."""

from collections import deque
from dataclasses import dataclass

from bus.header import Header


class Fence:
    """Lets only the newest incarnation of each writer through.

    A frozen process that wakes after its replacement started is older, and ignored.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self.fenced = 0

    def admits(self, header: Header) -> bool:
        """Whether the writer is the newest incarnation known; counts what it refuses."""
        newest = self._newest.get(header.src, 0)
        if header.boot < newest:
            self.fenced += 1
            return False
        self._newest[header.src] = header.boot
        return True


class Gaps:
    """Finds lost messages by their sequence numbers, per topic and incarnation."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], tuple[int, int]] = {}
        self.gaps = 0

    def observe(self, topic: str, header: Header) -> int:
        """Take a header in; returns how many messages are missing before it."""
        key = (topic, header.src)
        boot, expected = self._next.get(key, (header.boot, header.seq))
        missed = header.seq - expected if boot == header.boot else 0
        self._next[key] = (header.boot, header.seq + 1)
        self.gaps += max(0, missed)
        return max(0, missed)


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages and bytes in a window."""

    hz: float
    bytes_per_s: float
    count: int


class RateMeter:
    """Rate over the last `window_s` seconds; bounded by `limit` messages, the oldest forgotten."""

    def __init__(self, window_s: float = 5.0, limit: int = 10_000) -> None:
        self._window_ns = int(window_s * 1e9)
        self._seen: deque[tuple[int, int]] = deque(maxlen=limit)
        self.count = 0

    def observe(self, now_ns: int, n_bytes: int) -> None:
        """Take one message in."""
        self._seen.append((now_ns, n_bytes))
        self.count += 1

    def rate(self, now_ns: int) -> Rate:
        """Rate now: over the window, or since the first message when that is shorter."""
        while self._seen and now_ns - self._seen[0][0] > self._window_ns:
            self._seen.popleft()
        if not self._seen:
            return Rate(0.0, 0.0, self.count)
        span_s = max(now_ns - self._seen[0][0], 1) / 1e9
        intervals = list(self._seen)[1:]  # the first message only marks the beginning
        return Rate(len(intervals) / span_s, sum(n for _, n in intervals) / span_s, self.count)
