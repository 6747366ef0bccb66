"""The splitter for a voice that splits by itself: every bit of speakable text is handed on as it comes.

It has the interface of `core/sentences.py`; all text belongs to one piece with index 0, handed on in parts.
Where a sentence ends is known only if that can be told without waiting for more text.
"""

from procs.tts_bridge.core.sentences import Piece, Sentences
from procs.tts_bridge.core.speakable import Spoken


class Straight:
    """Speakable text in, the same text out, parted behind its sentences."""

    next_deadline_ms: int | None = None
    """Nothing is ever held back."""

    def __init__(self) -> None:
        self._sentences = Sentences()
        """Says where sentences end; what it cuts is not used."""

    def feed(self, spoken: Spoken, now_ms: int) -> list[Piece]:
        """The text at once."""
        found = self._sentences.feed(spoken, now_ms)
        ends = [piece.offsets[-1] for piece in found if piece.ends_sentence]
        parts, begin = [], 0
        for at in (spoken.offsets.index(end) + 1 for end in ends if end in spoken.offsets):
            parts.append(_part(spoken, begin, at, ends_sentence=True))
            begin = at
        return parts + ([_part(spoken, begin, len(spoken.text))] if begin < len(spoken.text) else [])

    def poll(self, now_ms: int) -> list[Piece]:
        """Nothing: no text waits."""
        del now_ms
        return []

    def finish(self) -> list[Piece]:
        """Nothing: no text waits."""
        return []


def _part(spoken: Spoken, begin: int, end: int, *, ends_sentence: bool = False) -> Piece:
    return Piece(0, spoken.text[begin:end], spoken.offsets[begin:end], ends_sentence)
