"""The text side of a turn: tokens in, pieces for the voice out. Pure."""

from typing import Protocol

from bus.messages import Token
from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.speakable import Speakable, Spoken


class Splitter(Protocol):
    """What cuts speakable text into pieces: `Sentences` or `Straight`."""

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` should be called if no text comes; None if nothing waits."""
        ...

    def feed(self, spoken: Spoken, now_ms: int) -> list[Piece]:
        """Pieces that are complete with this text."""
        ...

    def poll(self, now_ms: int) -> list[Piece]:
        """Pieces that have waited long enough."""
        ...

    def finish(self) -> list[Piece]:
        """All that is left."""
        ...


class Script:
    """What a reply says.

    Args:
        splitter: cuts speakable text into pieces.
    """

    def __init__(self, splitter: Splitter) -> None:
        self._speakable = Speakable()
        self._splitter = splitter
        self.finished = False
        """Whether no more text comes."""

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` is due."""
        return self._splitter.next_deadline_ms

    def feed(self, token: Token, now_ms: int) -> list[Piece]:
        """Pieces that are complete with this token; a failed reply says what came before and ends."""
        pieces = self._splitter.feed(self._speakable.feed(token.text), now_ms)
        return pieces + self.finish(now_ms) if token.final else pieces

    def poll(self, now_ms: int) -> list[Piece]:
        """Pieces that have waited long enough."""
        return self._splitter.poll(now_ms)

    def finish(self, now_ms: int) -> list[Piece]:
        """The rest; the reply ends here."""
        self.finished = True
        return self._splitter.feed(self._speakable.finish(), now_ms) + self._splitter.finish()
