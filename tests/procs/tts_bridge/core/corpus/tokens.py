"""Cuts text as a language model's tokenizer does: words with the blank or mark before them, digits by threes,
runs of punctuation with the line ends behind them. Source: the pre-tokenization pattern of common BPE models.
"""

import re
from random import Random

TOKEN = re.compile(r"[^\r\n\w]?[^\W\d_]+|\d{1,3}| ?(?:[^\s\w]|_)+[\r\n]*|\s+")


def tokens(text: str) -> list[str]:
    """The tokens of `text`; joined they are the text."""
    found = TOKEN.findall(text)
    assert "".join(found) == text
    return found


def random_parts(text: str, rng: Random, n_cuts: int) -> list[str]:
    """`text` cut at random places, parts may be empty."""
    cuts = sorted(rng.randint(0, len(text)) for _ in range(n_cuts))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
