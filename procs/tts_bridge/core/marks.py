"""Which words of the reply sound when: from the voice's own marks, or estimated where it gives none.

Without marks a piece's words are spread over its sound in proportion to their characters, once its end is
known; until then the speaking rate learned from earlier pieces places them. Pure.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from bus.messages import Mark, SpokenState
from procs.tts_bridge.core.chunk import Chunk
from procs.tts_bridge.core.sentences import Piece

MARKS_LIMIT = 1_000
"""Marks in one message: 46 bytes each must stay below the 64 KiB of a control body. Older ones merge into
one, which loses nothing: six minutes of speech later they were heard, since the window is seconds."""

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
"""A run without white space; a single character in scripts that write none (kana, Han)."""


class SpeakingRate:
    """How fast the voice speaks, learned over turns."""

    def __init__(self) -> None:
        self.ms_per_char = 65.0
        """Fifteen characters a second: ordinary speech, until something is known."""

    def learn(self, n_chars: int, duration_ms: int) -> None:
        """A piece has become this much sound; short ones say little and count little."""
        if n_chars and duration_ms:
            weight = min(0.5, n_chars / 200)
            self.ms_per_char += weight * (duration_ms / n_chars - self.ms_per_char)


@dataclass
class _Spoken:
    """One piece of text and what is known of its sound."""

    text: str = ""
    offsets: list[int] = field(default_factory=list)
    start_ms: int | None = None
    end_ms: int | None = None
    words: list[tuple[int, int]] = field(default_factory=list)
    """(character, ms from the piece's start), as the voice marked them."""


class Marks:
    """The marks of one turn.

    Args:
        rate: shared by the turns of one voice.
    """

    def __init__(self, rate: SpeakingRate) -> None:
        self._rate = rate
        self._pieces: dict[int, _Spoken] = {}
        self._done: list[Mark] = []

    def text(self, piece: Piece) -> None:
        """Text goes to the voice; the same index again continues the piece."""
        spoken = self._pieces.setdefault(piece.index, _Spoken())
        spoken.text += piece.text
        spoken.offsets += piece.offsets

    def sound(self, chunk: Chunk, start_ms: int) -> None:
        """A chunk becomes sound from a position in the turn's audio on."""
        spoken = self._pieces.setdefault(chunk.piece, _Spoken())
        if spoken.start_ms is None:
            spoken.start_ms = start_ms
        for mark in chunk.marks:
            reached, reached_ms = spoken.words[-1] if spoken.words else (-1, 0)
            if reached < mark.char_index < len(spoken.text):
                at_ms = mark.sample_index * 1000 // chunk.rate_hz
                spoken.words.append((mark.char_index, max(reached_ms, at_ms)))

    def end(self, index: int, end_ms: int) -> None:
        """A piece's sound ends at a position in the turn's audio."""
        spoken = self._pieces.pop(index)
        assert spoken.start_ms is not None
        spoken.end_ms = end_ms
        self._rate.learn(len(spoken.text), end_ms - spoken.start_ms)
        self._done += self._marks_of(spoken, end_ms)

    def state(self, turn: int, duration_ms: int, *, complete: bool) -> SpokenState:
        """The level for all who want to know what is heard when."""
        open_marks = [m for s in self._pieces.values() for m in self._marks_of(s, duration_ms)]
        marks = _merge_oldest(self._done + open_marks, MARKS_LIMIT)
        return SpokenState(turn, duration_ms, complete, tuple(marks))

    def _marks_of(self, spoken: _Spoken, made_ms: int) -> list[Mark]:
        if spoken.start_ms is None:
            return []
        words = spoken.words or self._estimate(spoken)
        ends = [after for (_, _), (after, _) in pairwise([*words, (len(spoken.text), 0)])]
        marks = (
            _mark(spoken, char, end, spoken.start_ms + at_ms)
            for (char, at_ms), end in zip(words, ends, strict=True)
        )
        return [mark for mark in marks if mark.start_ms < made_ms]

    def _estimate(self, spoken: _Spoken) -> list[tuple[int, int]]:
        assert spoken.start_ms is not None
        if spoken.end_ms is None:
            ms_per_char = self._rate.ms_per_char
        else:
            ms_per_char = (spoken.end_ms - spoken.start_ms) / max(1, len(spoken.text))
        return [(m.start(), int(m.start() * ms_per_char)) for m in WORD.finditer(spoken.text)]


def _mark(spoken: _Spoken, char: int, end: int, start_ms: int) -> Mark:
    """A mark in offsets of the reply; the white space before the next word belongs to none."""
    last = char + max(1, len(spoken.text[char:end].rstrip())) - 1
    return Mark(start_ms, spoken.offsets[char], spoken.offsets[last] + 1)


def _merge_oldest(marks: list[Mark], limit: int) -> list[Mark]:
    """At most `limit` marks: if there are more, the first one stands for all that were left out."""
    if len(marks) <= limit:
        return marks
    old, new = marks[: 1 - limit], marks[1 - limit :]
    return [Mark(old[0].start_ms, old[0].first_char, old[-1].end_char), *new]
