"""From 48 kHz down to 24 or 16 kHz: a polyphase low-pass filter whose output is exactly as long as its input.

A windowed sinc of 32 taps per phase (Kaiser, beta 8: 80 dB of stop band). It holds back half of its length
at the input rate: 1 ms at 16 kHz. Source: Oppenheim and Schafer, Discrete-Time Signal Processing, chapter 7.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from bus.audio import SAMPLE_RATE_HZ

TAPS_PER_PHASE = 32
BETA = 8.0
PASS_BAND = 0.92
"""Share of the new band that stays, so that the slope ends near its edge."""


@cache
def _taps(factor: int) -> npt.NDArray[np.float32]:
    n_taps = TAPS_PER_PHASE * factor + 1
    times = (np.arange(n_taps) - (n_taps - 1) / 2) / factor
    taps = np.sinc(times * PASS_BAND) * np.kaiser(n_taps, BETA)
    normalised: npt.NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return normalised


class Decimator:
    """One stretch of sound on its way to a lower rate.

    Args:
        rate_hz: 48000, 24000 or 16000.
    """

    def __init__(self, rate_hz: int) -> None:
        self._factor, rest = divmod(SAMPLE_RATE_HZ, rate_hz)
        assert not rest, rate_hz
        self._past = np.zeros(len(_taps(self._factor)) - 1, np.float32)

    def feed(self, pcm: bytes) -> bytes:
        """`int16[960]` at 48 kHz in, `int16[960 / factor]` out."""
        if self._factor == 1:
            return pcm
        samples = np.concatenate((self._past, np.frombuffer(pcm, "<i2").astype(np.float32)))
        self._past = samples[-len(self._past) :]
        filtered = np.convolve(samples, _taps(self._factor), "valid")[:: self._factor]
        return np.clip(np.rint(filtered), -32_768, 32_767).astype("<i2").tobytes()
