"""When Miku and her evil self begin to argue, and what each is asked to say. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bus.messages import ChatMessage
from procs.bot_main.core.prompts import said_by

LINE_CHARS = 500
"""Longest message in an argument; a longer answer ends at its last whole sentence."""

POINTS: tuple[tuple[int, str], ...] = (
    (4, r"fights?|fighting|argues?|arguing|argument|battle|versus|vs|who would win|duel"),
    (3, r"better|worse|cooler|cuter|nicer|smarter|funnier|stronger|prefer|favou?rite|instead of"),
    (2, r"stupid|dumb|boring|annoying|useless|ugly|lame|weak|fake|loser|pathetic|hate|worst|sucks?"),
    (2, r"love|adore|amazing|awesome|best|great|perfect|beautiful|cutest|queen|superior"),
)
"""Points for a message that has any of these words: quarrel, comparison, insult, praise."""
OTHER_SELF = 3
"""Points for naming her evil self: without that nothing else counts."""
BOTH_SELVES = 1
LOUD = 1


def score(text: str, name: str, evil_name: str) -> int:
    """How much a message invites an argument: 0 unless it names her evil self."""
    plain = " ".join(text[:2_000].split())
    evil = rf"(?:{re.escape(evil_name)}|your\s+(?:evil|dark|other)\s+(?:self|side|twin|half))"
    if not re.search(rf"(?<!\w){evil}(?!\w)", plain, re.IGNORECASE):
        return 0
    others = re.sub(evil, " ", plain, flags=re.IGNORECASE)
    points = OTHER_SELF
    points += BOTH_SELVES if _has(re.escape(name), others) else 0
    points += sum(worth for worth, words in POINTS if _has(words, others))
    return points + (LOUD if "!!" in plain or _is_shouted(others) else 0)


def _has(words: str, text: str) -> bool:
    return re.search(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE) is not None


def _is_shouted(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return len(letters) >= 8 and sum(map(str.isupper, letters)) > 0.7 * len(letters)


@dataclass(frozen=True)
class Line:
    """Something said in an argument."""

    is_evil: bool
    text: str


RULES = """\
{other} and you argue in a chat, and people watch. Answer {other} in one or two short sentences, in your \
own voice: witty, never hateful, never about real people, never a threat. No names before your words, no \
stage directions."""


def messages(
    persona: str, name: str, other: str, spark: tuple[str, str], lines: Sequence[Line], is_evil: bool
) -> list[ChatMessage]:
    """What one of the two is asked; roles alternate, as many models' templates demand.

    Args:
        persona: of the one who is to speak.
        spark: (author, text) of the message that began it.
        lines: what was said so far; they take turns.
    """
    system = f"{persona.replace('{name}', name).strip()}\n\n{RULES.replace('{other}', other)}"
    asked = [ChatMessage("system", system)]
    pending = f"This began it: {said_by(spark[0], spark[1][:500])}"
    for line in lines:
        if line.is_evil == is_evil:
            asked += [ChatMessage("user", pending or "..."), ChatMessage("assistant", line.text)]
            pending = ""
        else:
            pending = f"{pending}\n{other}: {line.text}".strip()
    return [*asked, ChatMessage("user", pending or "...")]


def line_of(answer: str, names: Sequence[str]) -> str:
    """A model's answer as one message: without a name before it, of a bearable length; may be empty."""
    text = " ".join(answer.split())
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    text = re.sub(rf"^\W{{0,3}}(?:{either})\W{{0,3}}:\W{{0,3}}\s*", "", text, flags=re.IGNORECASE)
    if len(text) <= LINE_CHARS:
        return text
    cut = text[:LINE_CHARS]
    end = max(cut.rfind(mark) for mark in ".!?")
    return cut[: end + 1] if end > LINE_CHARS // 3 else f"{cut[:-1].rstrip()}…"


class Cooldowns:
    """When each channel had its latest argument; those that are long ago are forgotten."""

    def __init__(self, cooldown_ms: float) -> None:
        self._cooldown_ms = cooldown_ms
        self._begun_ms: dict[int, float] = {}

    def is_over(self, channel_id: int, now_ms: float) -> bool:
        """Whether another argument may begin."""
        begun_ms = self._begun_ms.get(channel_id)
        return begun_ms is None or now_ms - begun_ms >= self._cooldown_ms

    def begin(self, channel_id: int, now_ms: float) -> None:
        """An argument begins."""
        fresh = {one: ms for one, ms in self._begun_ms.items() if now_ms - ms < self._cooldown_ms}
        self._begun_ms = {**fresh, channel_id: now_ms}
