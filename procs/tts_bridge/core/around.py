"""The view that the rules of a boundary have: a mark and the text on both sides of it. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from procs.tts_bridge.core.punctuation import CLOSERS, OPENERS, PAIRS

AHEAD_CHARS = 40
"""How far ahead a rule looks."""
WORD_CHARS = 12
"""A next word longer than this is in no table: it need not be complete."""

_TOKEN_BORDERS = frozenset(OPENERS) - {"'"}
_NEXT_WORD = re.compile(rf"[ {re.escape(OPENERS)}]*([^\W\d_][^\W_]*(?:['’][^\W_]+)?)(.?)", re.DOTALL)


class Kind(Enum):
    """What a mark is."""

    NONE = "none"
    CLAUSE = "clause"
    SENTENCE = "sentence"
    UNDECIDED = "undecided"
    """It depends on text that is not known yet."""


NONE, CLAUSE, SENTENCE, UNDECIDED = Kind.NONE, Kind.CLAUSE, Kind.SENTENCE, Kind.UNDECIDED


@dataclass(frozen=True, slots=True)
class Around:
    """A mark and its neighbourhood."""

    head: str
    """The piece up to the mark."""
    mark: str
    """The mark, with the closing marks behind it."""
    ahead: str
    """What follows, as far as known and needed."""
    starts_sentence: bool
    """Whether `head` begins where a sentence does."""
    is_final: bool
    """Whether no more text will come."""

    @property
    def token(self) -> str:
        """What stands before the mark, back to a blank or an opening mark."""
        start = len(self.head)
        while start and not self.head[start - 1].isspace() and self.head[start - 1] not in _TOKEN_BORDERS:
            start -= 1
        return self.head[start:]

    @property
    def following(self) -> str:
        """The next visible character or line feed, empty if there is none yet."""
        return self.ahead.lstrip(" ")[:1]

    @property
    def letter(self) -> str:
        """The same behind any opening marks."""
        return self.ahead.lstrip(" " + OPENERS)[:1]

    @property
    def next_word(self) -> str | None:
        """The next word, empty if something else follows, None while it may still grow."""
        found = _NEXT_WORD.match(self.ahead)
        if not found:
            return ""
        is_whole = found[2] or len(found[1]) > WORD_CHARS or self.is_final
        return found[1] if is_whole else None

    @property
    def is_spaced(self) -> bool:
        """Whether a blank or line end follows."""
        return self.ahead[:1].isspace()

    @property
    def is_closed(self) -> bool:
        """Whether a closing mark belongs to the end mark."""
        return self.mark[-1] in CLOSERS

    @property
    def is_inside(self) -> bool:
        """Whether a quote or parenthesis is still open."""
        text = self.head + self.mark
        return text.count('"') % 2 == 1 or any(text.count(a) > text.count(b) for a, b in PAIRS)

    @property
    def is_only_token(self) -> bool:
        """Whether the token is all that the sentence has so far: the number of a list."""
        return self.starts_sentence and self.token == self.head.strip()


Rule = Callable[[Around], Kind]
