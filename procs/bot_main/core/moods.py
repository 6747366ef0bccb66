"""Moods: what there is, when one gives way to another, how it shows. Pure."""

from dataclasses import dataclass
from typing import Any

SERVER_MS = 3_600_000
"""A mood lasts so long in a server."""
DM_MS = 7_200_000
"""And so long in direct messages."""
NIGHT_MS = 24 * 3_600_000
"""Sleep may have an end of its own, this far away at most."""
NICKNAME_CHARS = 32
"""Discord's limit."""


@dataclass(frozen=True)
class Mood:
    """One row."""

    name: str
    emoji: str
    weight: int
    """Chance of its turn, beside those of the others."""
    words: str
    """Ends "You are feeling ..."; what the model reads."""


MOODS: tuple[Mood, ...] = (
    Mood("neutral", "", 4, "calm and attentive"),
    Mood("bubbly", "🫧", 4, "bubbly: full of energy, quick to laugh"),
    Mood("happy", "😊", 4, "happy and warm"),
    Mood("excited", "✨", 3, "excited: everything is wonderful and must be told"),
    Mood("curious", "👀", 3, "curious: you ask back more than usual"),
    Mood("silly", "🪿", 2, "silly: you joke and play with words"),
    Mood("flirty", "🫦", 1, "charming and a little teasing, always kind"),
    Mood("romantic", "💞", 1, "romantic and dreamy"),
    Mood("serious", "🧐", 2, "serious: thoughtful and to the point"),
    Mood("shy", "👉👈", 2, "shy: few words, softly said"),
    Mood("melancholy", "🍷", 1, "melancholy: a little wistful, poetic"),
    Mood("irritated", "😒", 1, "irritated: short, but never unkind"),
    Mood("asleep", "💤", 1, "asleep: you mumble half a sentence from your dreams, a few words at most"),
)
"""In the order in which people are shown them; asleep comes by its small weight too."""

_BY_NAME = {mood.name: mood for mood in MOODS}


@dataclass(frozen=True)
class Feeling:
    """Her mood in one place."""

    name: str = "neutral"
    until_ms: int = 0
    """Wall ms at which another one takes its turn."""

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> "Feeling":
        """From the shelf, whatever stands there."""
        found = document or {}
        name, until_ms = found.get("name"), found.get("until_ms")
        known = name if isinstance(name, str) and name in _BY_NAME else "neutral"
        return cls(known, until_ms if type(until_ms) is int else 0)

    @property
    def document(self) -> dict[str, Any]:
        """For the shelf."""
        return {"name": self.name, "until_ms": self.until_ms}


def mood(name: str) -> Mood | None:
    """The mood of a name, None if there is none."""
    return _BY_NAME.get(name.strip().lower())


def turned(feeling: Feeling, now_ms: int, lasts_ms: int, chance: float) -> Feeling:
    """What she feels now: the same until its time is over, then another one, by weight.

    Args:
        chance: 0 ≤ chance < 1, from a random generator.
    """
    longest_ms = NIGHT_MS if feeling.name == "asleep" else lasts_ms
    if now_ms < feeling.until_ms <= now_ms + longest_ms:
        return feeling
    if not feeling.until_ms:
        return Feeling(feeling.name, now_ms + lasts_ms)
    others = [each for each in MOODS if each.name != feeling.name]
    at = chance * sum(each.weight for each in others)
    for each in others:
        at -= each.weight
        if at < 0:
            break
    return Feeling(each.name, now_ms + lasts_ms)


def feeling_line(name: str, mood_name: str) -> str:
    """A line for any persona: `Miku is currently feeling: ...`; empty for an unknown mood."""
    found = mood(mood_name)
    return f"{name} is currently feeling: {found.words}." if found else ""


def nickname(name: str, mood_name: str, *, is_evil: bool) -> str:
    """Her name in a server, with the emoji of the mood that she is in there."""
    found = mood(mood_name)
    shown = f"Evil {name}" if is_evil else name
    return f"{shown}{found.emoji if found else ''}"[:NICKNAME_CHARS]
