"""How often one process may be started; pure, time comes in as an argument.

supervisord restarts what exits without an upper bound, and parks what fails at once for good. Both are
wrong for a self-hoster: an endless crash loop costs logins and heat, a parked process needs a human. So a
process has a number of starts per window; when they are spent it rests, is tried once in a while, and has
its whole budget again once it has lived through a window. Source: Erlang's restart intensity, with a
refill.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Limits:
    """Starts within a window, and how long a process rests when they are spent."""

    starts: int
    window_s: float
    retry_s: float


class Standing(StrEnum):
    """What a process may do."""

    FREE = "free"
    """supervisord restarts it as it likes."""
    RESTING = "resting"
    """Its budget is spent; it stays down until the next try."""
    TRIAL = "trial"
    """It runs again, but one more end sends it back to rest."""


class Happening(StrEnum):
    """What can become of a process."""

    RESTARTED = "restarted"
    """supervisord started it again by itself."""
    ASKED = "asked"
    """Someone started it on purpose: a person, or we."""
    ENDED = "ended"
    """It ended, with starts left."""
    SPENT = "spent"
    """It ended, with no start left."""
    GAVE_UP = "gave up"
    """supervisord does not try any more."""
    PROVEN = "proven"
    """It has lived through a window."""
    DUE = "due"
    """Its rest is over."""


class Order(StrEnum):
    """What supervisord is to do."""

    NONE = "none"
    STOP = "stop"
    START = "start"


_RULES: dict[tuple[Standing, Happening], tuple[Standing, Order]] = {
    (Standing.FREE, Happening.SPENT): (Standing.RESTING, Order.STOP),
    (Standing.FREE, Happening.GAVE_UP): (Standing.RESTING, Order.NONE),
    # supervisord's restart overtook our stop: the start is undone before it has loaded anything
    (Standing.RESTING, Happening.RESTARTED): (Standing.RESTING, Order.STOP),
    (Standing.RESTING, Happening.ASKED): (Standing.TRIAL, Order.NONE),
    (Standing.RESTING, Happening.DUE): (Standing.TRIAL, Order.START),
    (Standing.TRIAL, Happening.ENDED): (Standing.RESTING, Order.STOP),
    (Standing.TRIAL, Happening.SPENT): (Standing.RESTING, Order.STOP),
    (Standing.TRIAL, Happening.GAVE_UP): (Standing.RESTING, Order.NONE),
    (Standing.TRIAL, Happening.PROVEN): (Standing.FREE, Order.NONE),
}
"""Pairs that are not listed change nothing."""


class Budget:
    """The starts of one process."""

    def __init__(self, limits: Limits) -> None:
        self.standing = Standing.FREE
        self.retry_at_s = 0.0
        """When a resting process is tried again."""
        self._limits = limits
        self._starts_s: deque[float] = deque(maxlen=limits.starts)

    def started(self, now_s: float, *, asked: bool) -> Order:
        """A start was seen; `asked` when it was not supervisord's own."""
        self._starts_s.append(now_s)
        return self._on(Happening.ASKED if asked else Happening.RESTARTED, now_s)

    def ended(self, now_s: float, *, at_once: bool) -> Order:
        """The process ended without being told to.

        Args:
            at_once: supervisord starts it again before our word can reach it: that start counts already.
        """
        left = self.left(now_s) - (1 if at_once else 0)
        return self._on(Happening.SPENT if left <= 0 else Happening.ENDED, now_s)

    def gave_up(self, now_s: float) -> Order:
        """supervisord does not start it any more."""
        return self._on(Happening.GAVE_UP, now_s)

    def mended(self, now_s: float) -> Order:
        """The likely cause is gone: a resting process need not wait."""
        return self._on(Happening.DUE, now_s)

    def passed(self, now_s: float) -> Order:
        """Time went by."""
        if self.standing is Standing.RESTING and now_s >= self.retry_at_s:
            return self._on(Happening.DUE, now_s)
        last_start_s = self._starts_s[-1] if self._starts_s else now_s
        if self.standing is Standing.TRIAL and now_s - last_start_s >= self._limits.window_s:
            return self._on(Happening.PROVEN, now_s)
        return Order.NONE

    def left(self, now_s: float) -> int:
        """Starts left in the window that ends now."""
        recent = sum(now_s - start_s < self._limits.window_s for start_s in self._starts_s)
        return self._limits.starts - recent

    def _on(self, happening: Happening, now_s: float) -> Order:
        before = self.standing
        self.standing, order = _RULES.get((before, happening), (before, Order.NONE))
        if self.standing is Standing.RESTING and before is not Standing.RESTING:
            self.retry_at_s = now_s + self._limits.retry_s
        if order is Order.START:
            self._starts_s.append(now_s)
        return order
