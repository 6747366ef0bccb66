"""Whether a mark ends a sentence, divides one, or neither, judged on the text known so far. Pure.

Behind the last known character the next one is guessed where that is safe: an end mark behind an ordinary
word, outside quotes and parentheses, is taken as an end *as if a new sentence followed*. Waiting for proof
would cost a whole token. Only abbreviations, numbers, initials, hesitations and closing quotes wait.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from procs.tts_bridge.core.abbreviations import (
    CLOSING,
    LEADING,
    MONTHS,
    NUMBERED,
    ORDINAL_HEADS,
    STARTERS,
    TITLES,
)
from procs.tts_bridge.core.glyphs import is_spaceless
from procs.tts_bridge.core.punctuation import (
    CLAUSE,
    CLOSERS,
    OPENERS,
    PAIRS,
    QUOTING,
    REPETITION,
    STOPS,
    STRONG,
    THAI_LAO,
    WIDE,
)

_ENDS, _CLOSES = re.escape(STRONG + STOPS), re.escape(CLOSERS)
MARK = re.compile(
    rf"\n|(?<=[{THAI_LAO}]) (?=[{THAI_LAO}])"
    rf"|[{_ENDS}][{_ENDS}{_CLOSES}]*"
    rf"|[{re.escape(CLAUSE)}][{_CLOSES}]*"
)
"""Everything that could be a boundary, with the closing marks that stay with it."""

AHEAD_CHARS = 40
"""How far ahead a judgement looks."""
WORD_CHARS = 12
"""A next word longer than this is in no table: it need not be complete."""
LEAST_THAI_CHARS = 8
"""A blank in Thai or Lao ends a sentence of at least this length; shorter ones go on."""


class Kind(Enum):
    """What a mark is."""

    NONE = "none"
    CLAUSE = "clause"
    SENTENCE = "sentence"
    UNDECIDED = "undecided"
    """It depends on text that is not known yet."""


NONE, CLAUSE_END, SENTENCE, UNDECIDED = Kind.NONE, Kind.CLAUSE, Kind.SENTENCE, Kind.UNDECIDED

TOKEN = re.compile(rf"(?:[^\s{re.escape(OPENERS)}]|')*$")
SPACED_OUT = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]{1,3}\. ?)+[^\W\d_]{1,4}$")
"""`z. B`, `p. ej`, `т. д`: looked up without the blanks."""
ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
NUMBER = re.compile(r".*\d|[IVXL]{2,}")
WORD_AHEAD = re.compile(rf"[{re.escape(OPENERS)}]*([^\W\d_][^\W_]*(?:['’][^\W_]+)?)(.?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Around:
    """A mark and the text on both sides of it."""

    head: str
    """The sentence up to the mark."""
    mark: str
    ahead: str
    """What follows, as far as known and needed."""
    is_final: bool
    """Whether no more text will come."""

    @property
    def following(self) -> str:
        """The next visible character, empty if unknown or none."""
        return self.ahead.lstrip(" ")[:1]

    @property
    def is_spaced(self) -> bool:
        """Whether a blank or line end follows."""
        return self.ahead[:1].isspace()

    @property
    def letter(self) -> str:
        """The next letter or digit behind any opening marks."""
        return self.ahead.lstrip(" " + OPENERS)[:1]

    @property
    def is_closed(self) -> bool:
        """Whether closing marks follow the end mark."""
        return self.mark[-1] in CLOSERS

    @property
    def is_inside(self) -> bool:
        """Whether a quote or parenthesis is still open."""
        head = self.head + self.mark
        return head.count('"') % 2 == 1 or any(head.count(a) > head.count(b) for a, b in PAIRS)

    def next_word(self) -> str | None:
        """The next word, None while it may still grow."""
        found = WORD_AHEAD.match(self.ahead.lstrip(" "))
        if not found:
            return ""
        is_whole = found[2] or len(found[1]) > WORD_CHARS or self.is_final
        return found[1] if is_whole else None


Judge = Callable[[Around], Kind]
"""The rule for a full stop, by what stands before it."""


def judge(text: str, found: re.Match[str], *, is_final: bool) -> Kind:
    """What the mark `found` in `text`, which starts with the sentence, is."""
    mark, at, end = found[0], found.start(), found.end()
    around = Around(text[:at], mark, text[end : end + AHEAD_CHARS], is_final)
    if mark in BLANKS:
        return BLANKS[mark](around)
    if any(char in STRONG for char in mark) or (mark[0] == ";" and _is_greek(around.head[-1:])):
        return _strong(around)
    if mark[0] in CLAUSE:
        return _clause(around)
    return _hesitation(around) if "…" in mark or ".." in mark else _stop(around)


def _is_greek(char: str) -> bool:
    return "\u0370" <= char <= "\u03ff" or "\u1f00" <= char <= "\u1fff"


def _line_end(around: Around) -> Kind:
    del around
    return SENTENCE


def _blank(around: Around) -> Kind:
    is_long = len(around.head) >= LEAST_THAI_CHARS and around.head[-1] not in REPETITION
    return SENTENCE if is_long else NONE


def _clause(around: Around) -> Kind:
    if around.mark[0] in WIDE or around.is_spaced:
        return CLAUSE_END
    if around.ahead:
        return NONE
    return UNDECIDED if around.head[-1:].isdigit() and not around.is_final else CLAUSE_END


def _strong(around: Around) -> Kind:
    """Ends a sentence, unless a quote or parenthesis ends here and the sentence goes on."""
    if not around.following:
        is_unsure = around.is_closed or around.is_inside
        return UNDECIDED if is_unsure and not around.is_final else SENTENCE
    return NONE if _goes_on(around) else SENTENCE


def _goes_on(around: Around) -> bool:
    following = around.following
    if following in ",;:":
        return True
    if not around.is_closed:
        return False
    if around.is_spaced:
        return following.islower() or following in "—–-"
    return following in QUOTING or (following.isalnum() and not is_spaceless(following))


def _hesitation(around: Around) -> Kind:
    """`...` ends a sentence only if a new one clearly begins."""
    if not around.following:
        return SENTENCE if around.is_final else UNDECIDED
    letter = around.letter
    if not around.is_spaced:
        return CLAUSE_END if is_spaceless(letter) else NONE
    if letter.islower() or letter.isdigit() or around.following in ",;:":
        return CLAUSE_END
    word = around.next_word()
    if word is None:
        return UNDECIDED
    return CLAUSE_END if re.match(r"I\b", word) else SENTENCE


def _stop(around: Around) -> Kind:
    """A single full stop: what stands before it decides."""
    token = TOKEN.findall(around.head)[0]
    if around.ahead and not around.is_spaced and (around.following.isalnum() or around.following in ",;:-/"):
        return NONE
    judge_stop = _judge_of(token, around)
    if not around.following:
        is_certain = judge_stop is _strong or (judge_stop is _numbered and token == around.head.lstrip(" "))
        return _strong(around) if is_certain or around.is_final else UNDECIDED
    return judge_stop(around)


def _judge_of(token: str, around: Around) -> Judge:
    """The rule for a full stop behind `token`."""
    word = token.strip("'").rstrip(CLOSERS + ".")
    if NUMBER.fullmatch(word):
        return _number
    spaced_out = SPACED_OUT.search(around.head)
    keys = {word.casefold(), spaced_out[0].replace(" ", "").casefold() if spaced_out else ""}
    if keys & LEADING or word in TITLES:
        return _leading
    if keys & CLOSING:
        return _closing
    if keys & NUMBERED:
        return _numbered
    if ACRONYM.fullmatch(word):
        return _named
    return _named if _is_initial(word) else _strong


def _is_initial(word: str) -> bool:
    has_case = word.upper() != word.lower() or "\u0590" <= word <= "\u06ff"
    return len(word) == 1 and word.isalpha() and has_case


def _leading(around: Around) -> Kind:
    del around
    return NONE


def _closing(around: Around) -> Kind:
    letter = around.letter
    return NONE if letter.islower() or letter.isdigit() or around.following in ",;:)" else SENTENCE


def _numbered(around: Around) -> Kind:
    if around.letter.isdigit():
        return NONE
    return _named(around) if _is_initial(TOKEN.findall(around.head)[0]) else _strong(around)


def _named(around: Around) -> Kind:
    """Initials and acronyms: a sentence ended only if the next word clearly begins one."""
    if len(around.head.strip()) == 1:
        return NONE  # the letter of a list
    word = around.next_word()
    if word is None:
        return UNDECIDED
    return SENTENCE if word in STARTERS else NONE


def _number(around: Around) -> Kind:
    """Dates, ordinals and the numbers of a list go on; otherwise a capital begins a sentence."""
    number, letter = TOKEN.findall(around.head)[0], around.letter
    is_small = len(number) <= 3 and number.isdigit()
    if (is_small and number == around.head.strip()) or letter.islower():
        return NONE
    if letter.isdigit():
        return NONE if len(number) <= 2 else SENTENCE
    word = around.next_word()
    if word is None:
        return UNDECIDED
    words = around.head.split()
    is_ordinal = len(words) > 1 and words[-2].casefold() in ORDINAL_HEADS and word not in STARTERS
    return NONE if word in MONTHS or is_ordinal else SENTENCE


BLANKS: dict[str, Judge] = {"\n": _line_end, " ": _blank}
"""White space that may end a sentence: a line's end, a blank in Thai and Lao."""
