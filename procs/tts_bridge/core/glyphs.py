"""What becomes of a single character on its way to the voice, by Unicode's own categories. Pure.

Letters, digits, marks, money and ordinary punctuation are said; emoji and other pictures leave a gap;
format characters vanish. Source: the general categories of the Unicode character database; emoji are
nearly all in category So, the exceptions are listed.
"""

import unicodedata
from functools import lru_cache

SAID_AS = {
    **dict.fromkeys("’‘‛‹›＇", "'"),
    **dict.fromkeys("“”„‟«»＂", '"'),
    **dict.fromkeys("‐‑‒−﹣－", "-"),
    **dict.fromkeys("…⋯", "..."),
    "‚": ",",
    "⁄": "/",
    "‼": "!",
    "⁇": "?",
    "⁈": "?!",
    "⁉": "!?",
    "＆": "&",
    "％": "%",
    "➕": "+",
}
"""Typographic forms and the plain ones every voice knows."""

SIGNS = frozenset("°℃℉№℅<=>+±×÷≈≠≤≥∞")
"""Symbols that are words: degrees, number, arithmetic."""

MARKUP = frozenset("*_`#~|\\{}[]^")
"""Characters that only mean something to a renderer; `core/markup.py` reads them, none is said."""

PICTURES = frozenset("ℹ〰•◦‣⁃※†‡⁂〃ヽヾ〜～")
"""Pictures, bullets and flourishes outside the categories that hold such things."""

JOINERS = frozenset("\u200c\u200d")
"""Zero-width joiners: spelling in Persian and Indic scripts, glue inside emoji, nothing elsewhere."""

LINE_ENDS = frozenset("\n\r\v\f\x85\u2028\u2029")


@lru_cache(maxsize=8192)
def glyph(char: str) -> str | None:
    """What is said for `char`: itself or another form, white space as a blank or a line feed.

    Returns:
        The text; empty for a character that vanishes without a trace; None for a picture, which leaves
        a gap between its neighbours.
    """
    if char in SAID_AS:
        return SAID_AS[char]
    if char in LINE_ENDS:
        return "\n"
    if char in MARKUP:
        return ""
    if char in PICTURES:
        return None
    return char if char in SIGNS else _by_category(char)


def _by_category(char: str) -> str | None:
    category = unicodedata.category(char)
    if category[0] == "Z" or char == "\t":
        return " "
    if category == "Me" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return ""  # keycap frames and variation selectors: the digit inside a keycap is said
    if category in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if category in ("Sm", "Sk", "So", "Cn"):  # arrows, accents without a letter, emoji, emoji to come
        return None
    return unicodedata.normalize("NFKC", char) if "\U0001d400" <= char <= "\U0001d7ff" else char


def is_joined(before: str) -> bool:
    """Whether a zero-width joiner behind `before` is spelling: in the scripts from Arabic to Mongolian."""
    return "\u0600" <= before <= "\u1fff"


def is_mark(char: str) -> bool:
    """Whether `char` belongs to the letter before it: a vowel sign, an accent."""
    return unicodedata.category(char)[0] == "M"


def carries_mark(before: str) -> bool:
    """Whether a mark behind `before` has a letter to belong to: one behind an emoji or a blank has none."""
    return before in JOINERS or before.isalnum() or (before != "" and is_mark(before) and glyph(before) != "")


def is_spaceless(char: str) -> bool:
    """Whether `char` is of a script that writes no spaces between words: Thai, Lao, Burmese, Khmer, CJK."""
    return (
        "\u2e80" <= char <= "\ua4cf"
        or "\u0e00" <= char <= "\u0eff"
        or "\u1000" <= char <= "\u109f"
        or "\u1780" <= char <= "\u17ff"
        or "\uff66" <= char <= "\uff9f"
        or "\uf900" <= char <= "\ufaff"
        or "\U00020000" <= char <= "\U0003ffff"
    )
