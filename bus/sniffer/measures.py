"""What can be measured of each topic from outside: rates, gaps, delays, ages. Pure."""

import math
from collections import deque
from statistics import pstdev

from bus.sniffer.taps import Tapped
from bus.stats import Gaps, Rate, RateMeter

N_SAMPLES = 2_000
"""Newest delays and intervals kept of each topic: 40 s of audio frames, and p99 stands on 20 of them."""


WINDOW_S = 5.0
"""Rates of a bus that runs are those of its last seconds."""


class TopicMeasure:
    """The measures of one topic, over its newest messages."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self.count = 0
        self.gaps = 0
        self.last: Tapped | None = None
        self._meter = RateMeter(window_s)
        self._delays_ns: deque[int] = deque(maxlen=N_SAMPLES)
        self._intervals_ns: deque[int] = deque(maxlen=N_SAMPLES)

    def observe(self, tapped: Tapped, missed: int) -> None:
        """Take a message in; `missed` are lost before it."""
        if self.last is not None:
            self._intervals_ns.append(tapped.received_mono_ns - self.last.received_mono_ns)
        self.count += 1
        self.gaps += missed
        self.last = tapped
        self._meter.observe(tapped.received_mono_ns, tapped.n_bytes)
        self._delays_ns.append(tapped.delay_ns)

    def rate(self, now_ns: int) -> Rate:
        """Messages and bytes a second over the window."""
        return self._meter.rate(now_ns)

    def age_ms(self, now_ns: int) -> float:
        """Since the newest message; infinite before the first."""
        return (now_ns - self.last.received_mono_ns) / 1e6 if self.last else math.inf

    def delay_ms(self, percent: int) -> float:
        """Percentile of the time from send to receipt; not a number before the first message."""
        return percentile(self._delays_ns, percent) / 1e6

    def interval_ms(self) -> tuple[float, float, float]:
        """Shortest, longest and standard deviation of the time between messages."""
        if not self._intervals_ns:
            return math.nan, math.nan, math.nan
        intervals = self._intervals_ns
        return min(intervals) / 1e6, max(intervals) / 1e6, pstdev(intervals) / 1e6


class Measures:
    """The measures of every topic heard.

    Args:
        window_s: what rates are taken over; of a recording that is all of it.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self.topics: dict[str, TopicMeasure] = {}
        self._gaps = Gaps()

    def observe(self, tapped: Tapped) -> int:
        """Take a message in; returns how many of its writer's messages are missing before it."""
        missed = self._gaps.observe(tapped.topic, tapped.header)
        self.topics.setdefault(tapped.topic, TopicMeasure(self._window_s)).observe(tapped, missed)
        return missed

    def of(self, topic: str) -> TopicMeasure:
        """The measure of a topic, an empty one if it was never heard."""
        return self.topics.get(topic) or TopicMeasure()


def window_s(recording: str | None) -> float:
    """The window of rates: all of a recording, up to a day."""
    return 86_400.0 if recording else WINDOW_S


def percentile(values: deque[int], percent: int) -> float:
    """The value that `percent` of all do not exceed (nearest rank); not a number without values."""
    if not values:
        return math.nan
    rank = math.ceil(len(values) * percent / 100)
    return float(sorted(values)[max(rank, 1) - 1])
