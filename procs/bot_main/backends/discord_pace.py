"""How often a new gateway session may begin. Pure: the time comes in.

Discord takes an IDENTIFY each 5 s and 1,000 a day; one more, and it resets the token.
"""

from collections import deque

HOUR_S = 3_600.0
FREE_AN_HOUR = 10
"""So many may follow each other at the shortest distance."""
SPARING_S = 90.0
"""Distance of all further ones: 960 a day."""


class Pace:
    """All IDENTIFYs of this process."""

    def __init__(self, shortest_s: float) -> None:
        self._shortest_s = shortest_s
        self._at_s: deque[float] = deque(maxlen=FREE_AN_HOUR)

    def is_sparing(self, now_s: float) -> bool:
        """Whether there were so many in the last hour that the next ones must be few."""
        return len(self._at_s) == FREE_AN_HOUR and now_s - self._at_s[0] < HOUR_S

    def pause_s(self, now_s: float) -> float:
        """How long the next one has to wait."""
        if not self._at_s:
            return 0.0
        distance_s = SPARING_S if self.is_sparing(now_s) else self._shortest_s
        return max(0.0, self._at_s[-1] + distance_s - now_s)

    def note(self, now_s: float) -> None:
        """One is sent."""
        self._at_s.append(now_s)
