"""Whether a mark ends a sentence, divides one, or neither, judged on the text known so far. Pure.

Behind the last known character the next one is guessed where that is safe: an end mark behind an ordinary
word, outside quotes and parentheses, is taken as an end *as if a new sentence followed*. Waiting for proof
would cost a whole token. Only abbreviations, numbers, initials, hesitations and closing quotes wait.
"""

import re

from procs.tts_bridge.core.around import (
    AHEAD_CHARS,
    CLAUSE,
    NONE,
    SENTENCE,
    UNDECIDED,
    Around,
    Kind,
)
from procs.tts_bridge.core.full_stops import end_of_sentence, judge_stop
from procs.tts_bridge.core.glyphs import is_spaceless
from procs.tts_bridge.core.punctuation import (
    CLAUSES,
    CLOSERS,
    LINKS,
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
    rf"|[{re.escape(CLAUSES)}][{_CLOSES}]*"
)
"""Everything that could be a boundary, with the closing marks that stay with it."""

LEAST_THAI_CHARS = 8
"""A blank in Thai or Lao ends a sentence of at least this length; shorter ones go on."""
SHORT_WORDS = 2
"""So many words before `...` hesitate rather than end, in scripts without capitals to tell."""


def judge(text: str, found: re.Match[str], *, starts_sentence: bool, is_final: bool) -> Kind:
    """What the mark `found` is.

    Args:
        text: the piece so far and all known text behind it.
        starts_sentence: whether `text` begins where a sentence does.
        is_final: whether no more text will come.
    """
    mark, at, end = found[0], found.start(), found.end()
    around = Around(text[:at], mark, text[end : end + AHEAD_CHARS], starts_sentence, is_final)
    if mark == "\n":
        return SENTENCE
    if mark == " ":
        return _blank(around)
    if any(char in STRONG for char in mark) or (mark[0] == ";" and _is_greek(around.head[-1:])):
        return end_of_sentence(around)
    if mark[0] in CLAUSES:
        return _clause(around)
    return _hesitation(around) if "…" in mark or ".." in mark else judge_stop(around)


def _is_greek(char: str) -> bool:
    return "\u0370" <= char <= "\u03ff" or "\u1f00" <= char <= "\u1fff"


def _blank(around: Around) -> Kind:
    if len(around.head) < LEAST_THAI_CHARS or around.head[-1] in REPETITION or around.ahead.startswith(LINKS):
        return NONE
    may_link = any(link.startswith(around.ahead) for link in LINKS) and not around.is_final
    return UNDECIDED if may_link else SENTENCE


def _clause(around: Around) -> Kind:
    if around.following == "\n":
        return SENTENCE
    if around.mark[0] in WIDE or around.is_spaced:
        return CLAUSE
    if around.ahead:
        return NONE
    return UNDECIDED if around.head[-1:].isdigit() and not around.is_final else CLAUSE


def _hesitation(around: Around) -> Kind:
    """`...` ends a sentence only if a new one clearly begins."""
    letter = around.letter
    if not around.following:
        return SENTENCE if around.is_final else UNDECIDED
    if not around.is_spaced:
        return CLAUSE if is_spaceless(letter) else NONE
    if letter.isupper():
        word = around.next_word
        return UNDECIDED if word is None else CLAUSE if re.match(r"I\b", word) else SENTENCE
    has_case = letter.islower() or letter.isdigit() or around.following in ",;:"
    return CLAUSE if has_case or len(around.head.split()) <= SHORT_WORDS else SENTENCE
