"""Text on its way into espeak-ng, and its word positions on their way out.

Pure. Cleaning never changes the number of characters, so a position means the same before and after.
"""

import re
import unicodedata
from collections import Counter

SCRIPT_LANGUAGES = {
    "ARABIC": ("ar", "fa", "ur", "sd", "ug"),
    "ARMENIAN": ("hy",),
    "BENGALI": ("bn", "as", "bpy"),
    "CJK": ("cmn", "yue", "hak", "ja"),
    "CYRILLIC": ("ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "tt", "ba", "cv", "nog"),
    "DEVANAGARI": ("hi", "mr", "ne", "kok"),
    "ETHIOPIC": ("am",),
    "GEORGIAN": ("ka",),
    "GREEK": ("el", "grc"),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KANNADA": ("kn",),
    "KATAKANA": ("ja",),
    "MALAYALAM": ("ml",),
    "MYANMAR": ("my", "shn"),
    "SINHALA": ("si",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "THAI": ("th",),
}
"""First word of a letter's Unicode name → espeak-ng languages that read the script instead of spelling it,
the one that is taken for a text of unknown language first."""

_UNSPEAKABLE = ("Cc", "Cs", "Co", "Cn", "So")
"""Categories that never reach the engine: controls, surrogates, private, unassigned, symbols.

Among the symbols are emoji; and Braille and circled letters make espeak-ng 1.52 overrun a buffer in nine of
its languages, which ends the process.
"""
_SPEAKABLE_SIGNS = "\n°©®™℃℉№"
"""Members of those categories that it reads well."""
_EMOJI_PARTS = re.compile("[\u20e3\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f]")
"""Selectors, skin tones and tags that are left when the symbols are gone."""

_WORD_START = re.compile(r"(?<!\S)[^\w\s]*(?=\w)")
_WIDE = ("W", "F")
"""East Asian widths of scripts that write words without spaces between them."""


def cleaned(text: str) -> str:
    """The text without what espeak-ng would obey, choke on or name aloud; as many characters as before.

    Control characters are commands to it (U+0001) or end the text (U+0000), and it reads emoji out as
    their names.
    """
    return "".join(" " if _is_unspeakable(character) else character for character in text)


def is_silent(text: str) -> bool:
    """Whether there is nothing to say: espeak-ng would spell lone punctuation out."""
    return not any(map(str.isalnum, text))


def voice_for(text: str, voice: str) -> str:
    """The voice that can read the text's script, in the variant of the wanted one (`en-us+f5` → `ja+f5`).

    The wanted voice stays unless half of the letters or more are of a script that it would spell.
    """
    # Digits tell a script only if they are its own: those of ASCII are read in every language.
    letters = [c for c in text if c.isalpha() or (c.isdigit() and not c.isascii())]
    scripts = Counter(script for c in letters if (script := _script(c)) in SCRIPT_LANGUAGES)
    if not scripts or 2 * scripts.total() < len(letters):
        return voice
    # Japanese mixes three scripts, and only its syllables tell it from Chinese.
    kana = scripts.keys() & {"HIRAGANA", "KATAKANA"}
    languages = SCRIPT_LANGUAGES[kana.pop() if kana else scripts.most_common(1)[0][0]]
    language, plus, variant = voice.partition("+")
    return voice if language.partition("-")[0] in languages else f"{languages[0]}{plus}{variant}"


class WordStarts:
    """Turns espeak-ng's word positions into starts of words, each once and in order.

    It reports a word several times (each part of a number, each letter of an abbreviation) and sometimes
    points into its middle; whoever marks what was heard wants its first character, once.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = {match.end() for match in _WORD_START.finditer(text)}
        self._last = -1

    def start_of(self, position: int) -> int | None:
        """First character of the word at espeak-ng's `position` (from 1), or None if it was told before."""
        index = position - 1
        if not 0 <= index < len(self._text):
            return None
        while index > self._last and not self._is_start(index):
            index -= 1
        if index <= self._last:
            return None
        self._last = index
        return index

    def _is_start(self, index: int) -> bool:
        character = self._text[index]
        wide = unicodedata.east_asian_width(character) in _WIDE and character.isalnum()
        return wide or index in self._starts


def _script(character: str) -> str:
    """First word of its Unicode name, `ARABIC` for `ARABIC-INDIC DIGIT ONE`."""
    return re.split("[ -]", unicodedata.name(character, ""), maxsplit=1)[0]


def _is_unspeakable(character: str) -> bool:
    if unicodedata.category(character) in _UNSPEAKABLE:
        return character not in _SPEAKABLE_SIGNS
    return _EMOJI_PARTS.match(character) is not None
