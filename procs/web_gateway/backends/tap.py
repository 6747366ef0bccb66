"""Reads a session's sound for one stretch, knows where in the turn each frame lies, and can end early."""

from collections.abc import Callable

from bus.audio import FRAME_MS
from procs.sink.backends.base import Source


class Tap:
    """Between the pacer's thread and a source.

    Args:
        source: the session's sound.
        turn: the turn this stretch plays.
        on_cut: called in the pacer's thread once the sound was ended at the border that was asked for.
    """

    def __init__(self, source: Source, turn: int, on_cut: Callable[[], None]) -> None:
        self.turn = turn
        self.frame_ms: int | None = None
        """Where the frame read last begins; None for silence that stands in for missing sound."""
        self._source = source
        self._on_cut = on_cut
        self._cut_ms: int | None = None

    @property
    def position_ms(self) -> int:
        """Where in the turn the sound is."""
        state = self._source.report()
        return state.played_ms if state.turn == self.turn else 0

    @property
    def is_finished(self) -> bool:
        """Whether the turn is over."""
        return self._source.report().finished_turn >= self.turn

    @property
    def sounding(self) -> bool:
        """Whether there is more to read."""
        return self._source.sounding

    def read(self) -> bytes:
        """The next 20 ms, `int16[960]`; empty at the end. Called by the pacer."""
        before_ms = self.position_ms
        if self._cut_ms is not None and before_ms >= self._cut_ms:
            self._cut_ms = None
            self._on_cut()
            return b""
        pcm = self._source.read()
        after_ms = self.position_ms
        self.frame_ms = after_ms - FRAME_MS if after_ms != before_ms else None
        return pcm

    def cut_at(self, position_ms: int) -> None:
        """End the stretch once it has come to this position."""
        self._cut_ms = position_ms

    def silence(self) -> None:
        """End the turn within the next frame."""
        self._source.purge(self.turn + 1)
