"""Whether a single full stop ends a sentence: what stands before it names the rule. Pure.

A stop behind an ordinary word ends the sentence. Abbreviations, numbers and initials look at what follows,
and wait for it where it is not known.
"""

import re
import unicodedata

from procs.tts_bridge.core.abbreviations import (
    CLOSING,
    ELIDED,
    INTERJECTIONS,
    LEADING,
    MONTHS,
    NUMBERED,
    NUMBERED_ENDS,
    ORDINAL_HEADS,
    STARTERS,
    TITLES,
)
from procs.tts_bridge.core.around import NONE, SENTENCE, UNDECIDED, Around, Kind, Rule
from procs.tts_bridge.core.glyphs import is_spaceless
from procs.tts_bridge.core.punctuation import CLOSERS, QUOTING

NUMBER = re.compile(r".*\d|[IVXL]{2,}")
"""Digits, versions, sums; Roman numerals of kings and centuries."""
ACRONYM = re.compile(r"(?:[^\W\d_]\.-?)+[^\W\d_]")
"""`U.S`, `J.-J`."""
VOWEL = re.compile(r"[aeiouyаеиоуыэюя]")
SPACED_OUT = re.compile(r"(?<![^\W\d_])(?:[^\W\d_]{1,3}\. ?)+[^\W\d_]{1,4}\Z")
"""`z. B`, `p. ej`, `т. д`: looked up without the blanks."""


def judge_stop(around: Around) -> Kind:
    """The verdict on a single full stop."""
    if around.ahead and not around.is_spaced and (around.following.isalnum() or around.following in ",;:-/"):
        return NONE
    rule = rule_of(around)
    if around.following or around.is_final:
        return end_of_sentence(around) if not around.following else rule(around)
    is_answer = around.is_only_token and around.token.casefold() == "no"
    return end_of_sentence(around) if rule is end_of_sentence or is_answer else UNDECIDED


def rule_of(around: Around) -> Rule:
    """The rule for the token before the stop."""
    word = around.token.strip("'").rstrip(CLOSERS + ".")
    if NUMBER.fullmatch(word):
        return number
    keys = _keys(word, around.head)
    if keys & LEADING or word in TITLES:
        return leading
    if keys & CLOSING:
        return closing
    if keys & NUMBERED or word.endswith(NUMBERED_ENDS):
        return numbered
    return _by_shape(word)


def _keys(word: str, head: str) -> set[str]:
    """The forms under which a token may stand in a table: alone, without `l'`, without blanks."""
    lower = word.casefold()
    elided = ELIDED.sub("", lower)
    spaced_out = SPACED_OUT.search(head)
    return {lower, elided, spaced_out[0].replace(" ", "").casefold()} if spaced_out else {lower, elided}


def _by_shape(word: str) -> Rule:
    if ACRONYM.fullmatch(word):
        return named
    if len(word) != 1 or not word.isalpha():
        return closing if _is_vowelless(word) else end_of_sentence
    if word.islower():
        return small_letter
    has_capitals = word.isupper() or "\u0590" <= word <= "\u06ff"
    return named if has_capitals else end_of_sentence


def _is_vowelless(word: str) -> bool:
    """Whether a short word can only be an abbreviation, in the scripts that write vowels."""
    if not 2 <= len(word) <= 4 or word.casefold() in INTERJECTIONS:
        return False
    plain = unicodedata.normalize("NFD", word.casefold())
    return all("a" <= char <= "z" or "а" <= char <= "я" for char in plain) and not VOWEL.search(plain)


def end_of_sentence(around: Around) -> Kind:
    """Behind an ordinary word, and for every strong mark: the end, unless a quote or parenthesis ends here
    and the sentence goes on."""
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
    if not following.isalpha():
        return following in "—–-"
    if following.islower() or following in QUOTING:
        return True
    if following.isupper():
        return not around.is_spaced
    # Without case: a parenthesis is part of its sentence, and so is a quote that opened it.
    has_opened = around.starts_sentence and around.head[:1] in '"“「『'
    return around.mark[-1] in ")）" or has_opened or not (around.is_spaced or is_spaceless(following))


def leading(around: Around) -> Kind:
    """`Dr. Smith`, `z. B. Berlin`: never the end."""
    del around
    return NONE


def closing(around: Around) -> Kind:
    """`etc.`, `a.m.`: the end unless a small letter or a digit follows."""
    letter = around.letter
    return NONE if letter.islower() or letter.isdigit() or around.following in ",;:)" else SENTENCE


def numbered(around: Around) -> Kind:
    """`No. 5`: an abbreviation before a number, else a word."""
    if around.letter.isdigit():
        return NONE
    return _by_shape(around.token)(around)


def named(around: Around) -> Kind:
    """`J. R. R. Tolkien`, `U.S.`: the end only if the next word clearly begins a sentence."""
    if around.is_only_token and len(around.token) == 1:
        return NONE
    word = around.next_word
    return UNDECIDED if word is None else SENTENCE if word in STARTERS else NONE


def small_letter(around: Around) -> Kind:
    """`w. 5`, `т. е.`: the end if a word with a capital follows."""
    word = around.next_word
    if word is None:
        return UNDECIDED
    return SENTENCE if len(word) > 1 and word[0].isupper() and not around.is_only_token else NONE


def number(around: Around) -> Kind:
    """Dates, ordinals and the numbers of a list go on; otherwise a capital begins a sentence."""
    token, letter = around.token, around.letter
    is_small = len(token) <= 3 and token.isdigit()
    if (is_small and around.is_only_token) or letter.islower():
        return NONE
    if letter.isdigit():
        return NONE if len(token) <= 2 or around.is_only_token else SENTENCE
    word = around.next_word
    if word is None:
        return UNDECIDED
    before = around.head.split()[-2:-1]
    is_ordinal = bool(before) and before[0].casefold() in ORDINAL_HEADS and word not in STARTERS
    return NONE if word in MONTHS or is_ordinal else SENTENCE
