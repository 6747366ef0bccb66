"""The header of a WAV file of our PCM (RIFF WAVE, format 1, one `fmt ` and one `data` chunk)."""

import struct

from bus.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ

_HEADER = struct.Struct("<4sI4s 4sIHHIIHH 4sI")
_FORMAT_CHUNK_BYTES = 16
_PCM, _MONO = 1, 1

HEADER_BYTES = _HEADER.size
"""44: where the samples begin."""


def header(data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of 48 kHz mono s16le."""
    return _HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE",
        b"fmt ", _FORMAT_CHUNK_BYTES, _PCM, _MONO,
        SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES * 8,
        b"data", data_bytes,
    )  # fmt: skip
