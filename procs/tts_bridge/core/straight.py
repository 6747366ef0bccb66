"""The splitter for a voice that splits by itself: every bit of speakable text is handed on as it comes.

It has the interface of `core/sentences.py`; all text belongs to one piece with index 0.
"""

from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.speakable import Spoken


class Straight:
    """Speakable text in, the same text out."""

    next_deadline_ms: int | None = None
    """Nothing is ever held back."""

    def feed(self, spoken: Spoken, now_ms: int) -> list[Piece]:
        """The text at once."""
        del now_ms
        return [Piece(0, spoken.text, spoken.offsets, ends_sentence=False)] if spoken.text else []

    def poll(self, now_ms: int) -> list[Piece]:
        """Nothing: no text waits."""
        del now_ms
        return []

    def finish(self) -> list[Piece]:
        """Nothing: no text waits."""
        return []
