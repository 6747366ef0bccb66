"""Silence around and inside speech: none before it, little behind it, pauses of bounded length.

Speech must start at once and the pause between two sentences is whoever plays them's to choose, so what
the engine adds is taken away. Exact rather than guessed from loudness: the engine says at which sample a
pause begins and ends, so a quiet final consonant is never taken for silence. Pure; numpy for samples.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
"""`int16[n]`, mono."""

TAIL_MS = 40
"""Kept behind the last word: enough for its natural decay; with 200 ms between pieces a gap is 250 ms."""
FADE_MS = 15
"""End of the tail that fades, so that a voice's reverberation does not end in a click."""
MAX_PAUSE_MS = 250
"""Longest pause inside a text; the engine's own after a paragraph (580 ms) sounds like a failure."""


class EventKind(Enum):
    """What begins at a sample."""

    SPEECH = "speech"
    PAUSE = "pause"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that begins at a sample of the engine's sound."""

    sample: int
    """Counted from the start of the text's sound."""
    kind: EventKind
    char_index: int = 0
    """WORD: the word's first character in the text."""


Mark = tuple[int, int]
"""(character in the text, sample in the trimmed sound) where a word starts."""


class Trim:
    """Trims one text's sound while it is being made.

    Args:
        sample_rate_hz: rate of the samples.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._tail = sample_rate_hz * TAIL_MS // 1000
        self._fade = sample_rate_hz * FADE_MS // 1000
        self._max_pause = sample_rate_hz * MAX_PAUSE_MS // 1000
        self._taken = 0
        self._sent = 0
        self._pausing = True
        self._paused = self._max_pause  # the silence before the first word counts as too long already
        self._held: list[Samples] = []
        self._waiting: list[int] = []

    def feed(self, samples: Samples, events: Iterable[Event]) -> tuple[Samples, tuple[Mark, ...]]:
        """The engine's next samples, `int16[n]`, with the events that lie in them, in order.

        Returns:
            Samples that may be played, and the words that start in them or just behind them.
        """
        out: list[Samples] = []
        marks: list[Mark] = []
        at = 0
        for event in events:
            upto = min(max(event.sample - self._taken, at), len(samples))
            self._pass(samples[at:upto], out)
            at = upto
            self._turn(event, out, marks)
        self._pass(samples[at:], out)
        self._taken += len(samples)
        return _joined(out), tuple(marks)

    def finish(self) -> Samples:
        """What is still to be played once the engine is done: the fading end of the last pause."""
        tail = _joined(self._held)[: self._fade]
        fade = np.linspace(1.0, 0.0, len(tail), endpoint=False)
        return (tail * fade).astype(np.int16)

    def _turn(self, event: Event, out: list[Samples], marks: list[Mark]) -> None:
        match event.kind:
            case EventKind.PAUSE if not self._pausing:
                self._pausing, self._paused = True, 0
            case EventKind.SPEECH if self._pausing:
                self._pausing = False
                self._send(_joined(self._held), out)
                self._held.clear()
                marks += [(char_index, self._sent) for char_index in self._waiting]
                self._waiting.clear()
            case EventKind.WORD if self._pausing:
                self._waiting.append(event.char_index)  # it starts when speech goes on
            case EventKind.WORD:
                marks.append((event.char_index, self._sent))

    def _pass(self, samples: Samples, out: list[Samples]) -> None:
        """Speech goes out; of a pause the beginning goes out, the middle waits, the rest is dropped."""
        if not self._pausing:
            self._send(samples, out)
            return
        kept = samples[: self._max_pause - self._paused]
        at_once = max(self._tail - self._fade - self._paused, 0)
        self._send(kept[:at_once], out)
        self._held.append(kept[at_once:].copy())
        self._paused += len(kept)

    def _send(self, samples: Samples, out: list[Samples]) -> None:
        out.append(samples)
        self._sent += len(samples)


def _joined(pieces: list[Samples]) -> Samples:
    return np.concatenate(pieces) if pieces else np.empty(0, np.int16)
