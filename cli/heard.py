"""Which words of a reply have been heard; pure. From the marks of the voice and the sink's position."""

from collections.abc import Sequence

from bus.messages import Mark


def heard_chars(marks: Sequence[Mark], played_ms: int) -> int:
    """Offset in the reply behind the last character that has begun to sound."""
    return max((mark.end_char for mark in marks if mark.start_ms <= played_ms), default=0)


class Transcript:
    """Gives out the reply piece by piece, never the same text twice."""

    def __init__(self) -> None:
        self._shown = 0

    def upto(self, text: str, end: int) -> str:
        """What is new up to an offset."""
        piece = text[self._shown : end]
        self._shown = max(self._shown, min(end, len(text)))
        return piece
