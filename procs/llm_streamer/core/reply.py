"""The text of one reply as it may be spoken: begun properly, ended at stop strings, never endless. Pure."""

from procs.llm_streamer.core.opening import Opening
from procs.llm_streamer.core.stops import StopFilter

CHARS_PER_TOKEN = 8
"""More than any language needs on average: a reply of `max_tokens` never reaches this bound by itself."""

_ZERO_WIDTH_SPACE = "\u200b"
"""Sounds like nothing and spoils the search for words, stop strings and abbreviations."""


class Reply:
    """Takes the model's text piece by piece, gives what may be spoken.

    Args:
        stop: texts at which the reply ends.
        max_chars: length at which it is cut.
    """

    def __init__(self, stop: tuple[str, ...], max_chars: int) -> None:
        self.ended = ""
        """`stop` or `length` once the reply has ended by itself."""
        self.n_chars = 0
        """Characters given so far."""
        self._opening = Opening()
        self._stops = StopFilter(stop)
        self._max_chars = max_chars

    def feed(self, piece: str) -> str:
        """Take a piece in; gives what may be spoken now."""
        text = self._stops.feed(self._opening.feed(_clean(piece)))
        if self._stops.stopped:
            self.ended = "stop"
        return self._bounded(text)

    def finish(self) -> str:
        """The model has finished: what was held back."""
        if self.ended:
            return ""
        return self._bounded(self._stops.feed(self._opening.finish()) + self._stops.finish())

    def _bounded(self, text: str) -> str:
        room = self._max_chars - self.n_chars
        if len(text) > room:
            text = text[:room]
            self.ended = "length"
        self.n_chars += len(text)
        return text


def _clean(piece: str) -> str:
    """Without zero-width spaces, and without lone surrogates, which JSON can carry and UTF-8 can't."""
    if piece.isascii():
        return piece
    piece = piece.replace(_ZERO_WIDTH_SPACE, "")
    return piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
