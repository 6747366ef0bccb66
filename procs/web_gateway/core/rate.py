"""How much a connection may send: a token bucket, and patience that ends. Pure; ms come in."""

from collections import deque


class Rate:
    """A token bucket.

    Args:
        per_s: units a second.
        burst: units that may come at once.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._last_ms: int | None = None

    def takes(self, n_units: float, now_ms: int) -> bool:
        """Whether so much may come now; what may not come costs nothing."""
        if self._last_ms is not None:
            self._level = min(self._burst, self._level + (now_ms - self._last_ms) / 1000 * self._per_s)
        self._last_ms = now_ms
        if n_units > self._level:
            return False
        self._level -= n_units
        return True


class Patience:
    """Ends when something happened too often.

    Args:
        times, within_ms: so often within so long.
    """

    def __init__(self, times: int, within_ms: int) -> None:
        self._times: deque[int] = deque(maxlen=times)
        self._within_ms = within_ms

    def tried(self, now_ms: int) -> bool:
        """It happened again; whether that was once too often."""
        self._times.append(now_ms)
        return len(self._times) == self._times.maxlen and now_ms - self._times[0] < self._within_ms
