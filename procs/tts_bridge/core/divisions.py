"""Where text without a usable mark may be divided: before a conjunction, between words, in scripts without
blanks behind a particle; never before a vowel sign or a closing mark. Pure.
"""

from itertools import pairwise

from procs.tts_bridge.core.abbreviations import CONJUNCTIONS, PARTICLES
from procs.tts_bridge.core.glyphs import is_mark, is_spaceless
from procs.tts_bridge.core.punctuation import NEVER_FIRST

LEADING_VOWELS = frozenset("เแโใไເແໂໃໄ")
"""Thai and Lao vowels written before their consonant."""


def divide(text: str, limit: int, clause_end: int) -> int:
    """The best place at or before `limit` to end a piece; `text` is longer than that.

    Args:
        clause_end: where the last clause ends, 0 for none; it serves in the second half.
    """
    least = limit // 2
    if clause_end > least:
        return clause_end
    blanks = [index for index, char in enumerate(text[: limit + 1]) if char == " "]
    natural = [a for a, b in pairwise(blanks) if a > least and text[a + 1 : b] in CONJUNCTIONS]
    late = natural[-1:] or [blank for blank in blanks if blank > least][-1:]
    return late[0] if late else _divide_spaceless(text, least, limit) or (blanks[-1] if blanks else limit)


def _divide_spaceless(text: str, least: int, limit: int) -> int:
    places = [index for index in range(limit, least, -1) if _may_divide(text, index)]
    return next((index for index in places if text[index - 1] in PARTICLES), places[0] if places else 0)


def _may_divide(text: str, index: int) -> bool:
    before, behind = text[index - 1], text[index]
    if behind in NEVER_FIRST or is_mark(behind) or before in LEADING_VOWELS:
        return False
    return is_spaceless(before) or is_spaceless(behind)


def last_word_end(text: str) -> int:
    """The end of the last word that is known to be whole; 0 if there is none."""
    blank = text.rfind(" ")
    if blank > 0:
        return blank
    return len(text) if text and is_spaceless(text[-1]) else 0
