"""Samples: bytes of a voice become `int16` of the bus. Pure numpy; resampling is `backends/resample.py`.

float32 becomes int16 by `round(x * 32767)`, so full scale maps to full scale on both sides and 0 to 0;
no dither, no DC filter: what the voice says is what is sent. int16 at 48 kHz passes untouched.
"""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from procs.tts_bridge.core.chunk import Encoding

Float: TypeAlias = NDArray[np.float32]
"""`float32[n]`, mono, full scale 1."""
Int16: TypeAlias = NDArray[np.int16]
"""`int16[n]`, mono."""

FULL_SCALE = 32_767
"""The largest int16; also the magnitude that -1.0 maps to, so that the mapping is symmetric."""


class Resampler(Protocol):
    """One stretch of sound on its way to 48 kHz; dropped with its state when the turn is cut."""

    def feed(self, samples: Float) -> Float:
        """Samples in, samples at 48 kHz out; holds back less than 2 ms."""
        ...

    def flush(self) -> Float:
        """What was held back; nothing may be fed afterwards."""
        ...


class Decoder:
    """Bytes of one piece become samples; a sample split between two chunks waits for its rest.

    Args:
        encoding: how the voice writes samples.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._split = b""
        self.n_repaired = 0
        """Samples that were NaN or infinite and are now 0."""
        self.n_clipped = 0
        """Samples beyond full scale, now at full scale."""

    def feed(self, data: bytes) -> Float | Int16:
        """Whole samples, in the encoding's own kind; floats are finite and within [-1, 1]."""
        if self._split:
            data = self._split + data
        whole = len(data) - len(data) % self._encoding.sample_bytes
        self._split = data[whole:]
        if self._encoding is Encoding.S16LE:
            return np.frombuffer(data, "<i2", whole // 2)
        samples: Float = np.frombuffer(data, "<f4", whole // 4)
        # One pass decides: a NaN makes the largest magnitude NaN, and NaN is not <= 1.
        if not whole or np.abs(samples).max() <= 1.0:
            return samples
        return self._mend(samples)

    def _mend(self, samples: Float) -> Float:
        finite = np.isfinite(samples)
        self.n_repaired += len(samples) - int(np.count_nonzero(finite))
        mended: Float = np.where(finite, samples, np.float32(0))
        self.n_clipped += int(np.count_nonzero(np.abs(mended) > 1))
        return np.clip(mended, -1, 1)


def to_int16(samples: Float | Int16) -> Int16:
    """`int16[n]`; floats are rounded to the nearest and clipped (a resampler overshoots), integers pass."""
    if samples.dtype == np.int16:
        return samples.view(np.int16)
    scaled = np.rint(samples * np.float32(FULL_SCALE))
    whole: Int16 = np.clip(scaled, -FULL_SCALE, FULL_SCALE).astype("<i2")
    return whole


def to_float(samples: Float | Int16) -> Float:
    """`float32[n]` for a resampler; the inverse of `to_int16`."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(FULL_SCALE)
    return samples.view(np.float32)
