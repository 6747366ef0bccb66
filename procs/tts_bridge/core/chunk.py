"""What a voice backend delivers: stretches of sound of any length, in its own rate and encoding.

This room only names and checks; `core/track.py` turns chunks into frames.
"""

from dataclasses import dataclass
from enum import StrEnum

LOWEST_RATE_HZ = 8_000
"""Telephone speech: no voice is made for less."""
HIGHEST_RATE_HZ = 192_000
"""The highest rate audio hardware knows; a larger number is a mistake, not a voice."""


class Encoding(StrEnum):
    """How a sample is written; both little-endian."""

    F32LE = "f32le"
    """32-bit float, full scale is 1."""
    S16LE = "s16le"
    """Signed 16-bit integer."""

    @property
    def sample_bytes(self) -> int:
        """Bytes of one mono sample."""
        return 4 if self is Encoding.F32LE else 2


@dataclass(frozen=True, slots=True)
class WordMark:
    """Where a word begins to sound."""

    char_index: int
    """Offset of its first character in the text of the piece."""
    sample_index: int
    """First sample of the word, counted from the piece's first sample, at the chunk's rate."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a piece's sound, mono, as it came from the voice."""

    piece: int
    """Index of the piece of text it speaks."""
    data: bytes
    """Samples; may end inside one, the next chunk of the piece then goes on there. May be empty."""
    rate_hz: int
    """Sample rate; the same in all chunks of a piece."""
    encoding: Encoding
    """The same in all chunks of a piece."""
    marks: tuple[WordMark, ...] = ()
    """Words known to begin in this piece, beyond those of earlier chunks."""
    last: bool = False
    """Whether the piece's sound ends here."""


def is_voice_rate(rate_hz: int) -> bool:
    """Whether a voice can have this sample rate."""
    return LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ
