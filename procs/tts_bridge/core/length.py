"""How long a reply's speech may get: it ends with the sentence in which it reaches its limit. Pure."""

GRACE_MS = 10_000
"""A sentence that goes on for so much longer is left where the text can be parted."""


def is_spent(made_ms: int, limit_ms: int, *, ends_sentence: bool) -> bool:
    """Whether no more of a reply is spoken.

    Args:
        made_ms: speech of the text that the voice has taken.
        limit_ms: 0 = none.
        ends_sentence: whether that text ends with a sentence.
    """
    return 0 < limit_ms <= made_ms - (0 if ends_sentence else GRACE_MS)
