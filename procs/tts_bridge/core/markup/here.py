"""The view that every construct has of the text, and the verdicts it may give. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from procs.tts_bridge.core.glyphs import is_spaceless
from procs.tts_bridge.core.spacing import Gap

RUN_CHARS = 32
"""Longest run of one mark that is read as one: no markup needs more."""

SENTENCE_BORDERS = frozenset("\n.!?:…。！？：।؟۔")
"""Behind these a sentence could begin."""
QUOTE_ENDS = "\"')]」』"


class Verdict(Enum):
    """What a construct says where it may begin."""

    WAIT = "wait"
    """It depends on text that is not known yet."""
    PLAIN = "plain"
    """It is not one: the character stands for itself."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A construct was found: `length` raw characters are taken out."""

    length: int
    gap: Gap = Gap.NONE
    """What is left in its place."""
    kept: tuple[int, int] = (0, 0)
    """Part of it that is said as it is, relative to its start."""
    said: str = ""
    """What is said in its place."""
    is_tight: bool = False
    """Whether no gap may stay between it and what was said before."""
    is_pause: bool = False
    """Whether it is a pause: a comma is said at once."""
    ends_line: bool = False
    """Whether it is a line break."""
    hides_until: re.Pattern[str] | None = None
    """If set, all text is hidden up to and with the next match."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where a construct may begin: `text[at]`, and what is around it."""

    text: str
    at: int
    before: str
    """The raw character before, empty at the start."""
    tail: str
    """The end of what was said so far."""
    is_final: bool
    """Whether no more text will come."""

    @property
    def char(self) -> str:
        """The character to judge."""
        return self.text[self.at]

    @property
    def starts_line(self) -> bool:
        """Whether nothing was said on this line yet."""
        return self.tail[-1:] in ("", "\n")

    @property
    def is_open(self) -> bool:
        """Whether a sentence could begin here."""
        inside = self.tail.rstrip(QUOTE_ENDS)
        return not inside or inside[-1] in SENTENCE_BORDERS or self.tail[-1] in '"」』'

    @property
    def is_glued(self) -> bool:
        """Whether the character before is part of a word, in a script with spaces."""
        return self.before.isalnum() and not is_spaceless(self.before)

    def run(self) -> str | None:
        """The run of the same character, at most `RUN_CHARS`; None while it may go on."""
        end = self.at
        while end < min(len(self.text), self.at + RUN_CHARS) and self.text[end] == self.char:
            end += 1
        return self.text[self.at : end] if self.knows(end) or end == self.at + RUN_CHARS else None

    def knows(self, index: int) -> bool:
        """Whether the character at `index` is known, or known not to come."""
        return index < len(self.text) or self.is_final

    def peek(self, index: int) -> str:
        """The character at `index`, empty beyond the end."""
        return self.text[index : index + 1]

    def matched(self, pattern: re.Pattern[str], index: int) -> str:
        """What matches at `index`, empty if nothing does."""
        found = pattern.match(self.text, index)
        return found[0] if found else ""

    def rest(self, limit: int) -> tuple[str, bool]:
        """What follows on the line, at most `limit` characters, and whether more of it may come."""
        start = self.at + 1
        line_end = self.text.find("\n", start, start + limit)
        if line_end >= 0:
            return self.text[start:line_end], False
        text = self.text[start : start + limit]
        return text, len(text) < limit and not self.is_final


WAIT, PLAIN = Verdict.WAIT, Verdict.PLAIN
MARK = Cut(1)
"""A mark alone is taken out without a trace."""
