"""Texts that are read out as they are, without a model. Pure."""

import re
from collections.abc import Iterator

from bus.messages import Token

READ_OUT_CHARS = 16_000
"""Length at which a text to read out is cut: as much as the level with the reply's text holds."""

_WORD = re.compile(r"\s*\S+\s*|\s+")


def read_out(text: str) -> Iterator[Token]:
    """A text as tokens, one per word, as if a model had said it."""
    found = _WORD.findall(text[:READ_OUT_CHARS])
    for index, word in enumerate(found):
        yield Token(index, word)
    reason = "length" if len(text) > READ_OUT_CHARS else "stop"
    yield Token(len(found), "", final=True, finish_reason=reason)
