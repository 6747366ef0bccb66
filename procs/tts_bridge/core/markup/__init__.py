"""What must not be read aloud, construct by construct. Pure.

A construct is judged where it begins, on the text known so far. Its verdict must not change when more text
comes: `WAIT` is the answer as long as it could. That alone makes the filter independent of how the text was
cut into tokens. Every wait is bounded by a limit, by the end of the line and by the end of the reply.
"""

from collections.abc import Callable

from procs.tts_bridge.core.markup.codes import backtick, tilde
from procs.tts_bridge.core.markup.emphasis import star, underscore
from procs.tts_bridge.core.markup.faces import EMOTICON_HEADS, emoticon, parenthesis
from procs.tts_bridge.core.markup.here import Cut, Here, Verdict
from procs.tts_bridge.core.markup.lines import DASHES, bar, dash, equals, greater, hyphen, plus
from procs.tts_bridge.core.markup.links import bracket, bracket_end, slash, source
from procs.tts_bridge.core.markup.quotes import guillemet
from procs.tts_bridge.core.markup.tags import at_sign, colon, entity, less

Construct = Callable[[Here], Cut | Verdict]

CONSTRUCTS: dict[str, Construct] = {
    **dict.fromkeys(EMOTICON_HEADS, emoticon),
    **dict.fromkeys("~～〜", tilde),
    **dict.fromkeys(DASHES, dash),
    **dict.fromkeys("(（", parenthesis),
    **dict.fromkeys("«»", guillemet),
    "*": star,
    "_": underscore,
    "|": bar,
    "-": hyphen,
    "=": equals,
    "+": plus,
    ">": greater,
    "`": backtick,
    "/": slash,
    "[": bracket,
    "]": bracket_end,
    "【": source,
    "<": less,
    ":": colon,
    "@": at_sign,
    "&": entity,
}
"""First character → what may begin there."""
