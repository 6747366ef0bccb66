"""Where one stretch of sound meets the next: no click, and a pause of the right length. Pure.

A click is a step in the samples. At a join the step between the last sample before and the first one
after is taken up by a short ramp that is added to what follows: the length stays, nothing must be held
back to look ahead, and a join without a step stays bit-exact.
"""

import numpy as np

from bus.audio import SAMPLE_RATE_HZ
from procs.tts_bridge.core.pcm import FULL_SCALE, Int16

STEP = FULL_SCALE // 100
"""A step up to 1 % of full scale passes: half of what may be heard (2 %)."""

RAMP_MS = 5
"""Longest step (twice full scale) over this time stays below 1.4 % of full scale per sample."""

RAMP = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, RAMP_MS * SAMPLE_RATE_HZ // 1000))).astype(np.float32)
"""Raised cosine from 1 to 0: `float32[240]`."""

QUIET = FULL_SCALE // 200
"""Below -46 dB of full scale a voice's pause is silence."""


class Joiner:
    """Smooths the first samples of each stretch."""

    def __init__(self) -> None:
        self._last = 0
        self._joining = True
        self._ramp = RAMP[:0]

    @property
    def step(self) -> int:
        """How far the sound so far ends from silence."""
        return abs(self._last)

    def join(self) -> None:
        """A new stretch begins with the next samples."""
        self._joining = True

    def feed(self, samples: Int16) -> Int16:
        """The samples, the ramp added where a stretch has just begun; `int16[n]` as given."""
        if not len(samples):
            return samples
        if self._joining:
            self._joining = False
            step = self._last - int(samples[0])
            self._ramp = RAMP * np.float32(step) if abs(step) > STEP else RAMP[:0]
        if len(self._ramp):
            samples = self._smooth(samples)
        self._last = int(samples[-1])
        return samples

    def _smooth(self, samples: Int16) -> Int16:
        n = min(len(self._ramp), len(samples))
        head = np.clip(samples[:n] + self._ramp[:n], -FULL_SCALE, FULL_SCALE)
        self._ramp = self._ramp[n:]
        return np.concatenate([np.rint(head).astype("<i2"), samples[n:]])


class Pauses:
    """Completes the silence that a voice leaves at a sentence's end to the wanted pause.

    Args:
        pause_ms: wanted silence between two sentences.
    """

    def __init__(self, pause_ms: int) -> None:
        self._wanted = pause_ms * SAMPLE_RATE_HZ // 1000
        self._quiet = 0

    def feed(self, samples: Int16) -> None:
        """Samples that were sent; only the trailing silence is remembered."""
        n_seen = min(len(samples), self._wanted)
        tail = samples[len(samples) - n_seen :].astype(np.int32)
        loud = np.flatnonzero(np.abs(tail) > QUIET)
        self._quiet = n_seen - 1 - int(loud[-1]) if len(loud) else self._quiet + n_seen

    def missing(self) -> int:
        """Samples of silence to add now."""
        return max(0, self._wanted - self._quiet)
