"""Which profile picture comes next, and when Discord may be asked for a change. Pure.

Discord allows about two changes of an avatar in ten minutes; more are refused, for longer and longer. The
times of the latest changes are kept with the picture's name, so that a restart does not forget them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

CHANGES = 2
WINDOW_MS = 10 * 60_000
"""Discord's limit: this many changes in this time."""
OTHER = "default"
"""Begins the names of pictures for moods without one of their own."""


@dataclass(frozen=True)
class Worn:
    """What was set last, as it is remembered."""

    name: str = ""
    """File name, empty before the first change."""
    mood: str = ""
    since_ms: int = 0
    """Wall ms of the last change."""
    tried_ms: tuple[int, ...] = ()
    """Wall ms of the latest attempts, oldest first: those that Discord refused count too."""
    wish: str = ""
    """Mood that somebody asked for and that still waits."""

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "tried_ms": list(self.tried_ms)}

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> "Worn":
        """From `document()`; what is missing or of another kind counts as never set."""
        found = document or {}
        words = {key: str(found.get(key, "")) for key in ("name", "mood", "wish")}
        tried = [t for t in found.get("tried_ms", ()) if isinstance(t, int)]
        since = found.get("since_ms", 0)
        return cls(since_ms=since if isinstance(since, int) else 0, tried_ms=tuple(tried[-CHANGES:]), **words)


def wait_ms(tried_ms: Sequence[int], now_ms: int) -> int:
    """How long until a change is allowed; 0 = now.

    Times of the future, from a clock that stepped back, count as now: then the whole window is waited.
    """
    recent = sorted(min(t, now_ms) for t in tried_ms)
    recent = [t for t in recent if now_ms - t < WINDOW_MS]
    return recent[-CHANGES] + WINDOW_MS - now_ms if len(recent) >= CHANGES else 0


def wanted_mood(worn: Worn, mood: str, every_ms: int, now_ms: int) -> str:
    """Mood for which a picture should be set now; empty = none.

    A wish comes first, then a change of mood, then the schedule.

    Args:
        every_ms: a picture is worn for this long at most; 0 = as long as the mood lasts.
    """
    if worn.wish:
        return worn.wish
    is_old = bool(every_ms) and not 0 <= now_ms - worn.since_ms < every_ms
    return mood if mood != worn.mood or is_old else ""


def of_mood(names: Sequence[str], mood: str) -> list[str]:
    """Pictures of a mood; those called `default*` where it has none."""
    for beginning in (mood.lower(), OTHER):
        if found := [name for name in names if name.lower().startswith(beginning)]:
            return sorted(found)
    return []


def choose(names: Sequence[str], mood: str, last: str, chance: float) -> str:
    """One of the mood's pictures, never the last one where there is another; empty = there is none.

    Args:
        chance: from [0, 1).
    """
    all_of_it = of_mood(names, mood)
    found = [name for name in all_of_it if name != last] or all_of_it
    return found[int(chance * len(found))] if found else ""
