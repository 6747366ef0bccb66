"""A voice whose sound is its text: each character is a short tone of its own frequency, and can be read back.

What is read back is compared with what the voice would have said, sample by sample, so that a single lost or
doubled sample shows as a slip. The tones rise and fall smoothly: a voice's sound begins and ends near 0.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ALPHABET = "".join(chr(code) for code in range(32, 127)) + "\ufffd"
"""What can be said; everything else sounds like the last one."""

LOWEST_HZ, STEP_HZ = 500, 50
AMPLITUDE = 0.5
EDGE_MS = 2
AUDIBLE = 0.01
TOLERANCE = 0.02
"""Resampling and rounding stay far below, the loss of one sample far above."""


@dataclass
class Heard:
    """What was read back."""

    text: str = ""
    n_slips: int = 0
    """Places where samples were lost, doubled or altered."""
    gaps_ms: list[float] = field(default_factory=list)
    """Silences inside the text."""
    spans: list[str] = field(default_factory=list)
    """The text between silences."""


class ToneVoice:
    """Speaks and reads.

    Args:
        rate_hz: sample rate of the sound; the symbol must be a whole number of samples.
        symbol_ms: length of one character: 20 = three times faster than speech, 60 = as fast.
    """

    def __init__(self, rate_hz: int = 48_000, symbol_ms: int = 20) -> None:
        self.rate_hz = rate_hz
        self.n_symbol = rate_hz * symbol_ms // 1000
        time_s = np.arange(self.n_symbol) / rate_hz
        hz = LOWEST_HZ + STEP_HZ * np.arange(len(ALPHABET))
        phases = 2 * np.pi * hz[:, None] * time_s
        n_edge = rate_hz * EDGE_MS // 1000
        envelope = np.ones(self.n_symbol)
        envelope[:n_edge] = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_edge) / n_edge)
        envelope[-n_edge:] = envelope[:n_edge][::-1]
        self._symbols: NDArray[np.float32] = (AMPLITUDE * envelope * np.sin(phases)).astype(np.float32)
        self._bins = np.rint(hz * self.n_symbol / rate_hz).astype(int)
        self._n_edge = n_edge

    def say(self, text: str) -> NDArray[np.float32]:
        """`float32[n]` at `rate_hz`."""
        if not text:
            return np.zeros(0, np.float32)
        found = [ALPHABET.find(char) for char in text]
        return self._symbols[[index if index >= 0 else len(ALPHABET) - 1 for index in found]].ravel()

    def marks(self, text: str) -> list[list[int]]:
        """Word starts as [character, sample]."""
        starts = [i for i, c in enumerate(text) if c != " " and (i == 0 or text[i - 1] == " ")]
        return [[start, start * self.n_symbol] for start in starts]

    def hear(self, samples: NDArray[np.float32] | NDArray[np.int16]) -> Heard:
        """Read sound at `rate_hz` back."""
        sound = samples.astype(np.float32)
        if samples.dtype == np.int16:
            sound /= 32767
        audible = np.flatnonzero(np.abs(sound) > AUDIBLE)
        heard, at = Heard(), None
        while (i := np.searchsorted(audible, at or 0)) < len(audible):
            first = int(audible[i])
            if at is None or first - at > self._n_edge:
                if at is not None:
                    heard.gaps_ms.append((first - at) * 1000 / self.rate_hz)
                heard.spans.append("")
                at = self._aligned(sound, first)
            index = self._index(sound, at)
            if self._misfit(sound, at, index) > TOLERANCE:
                heard.n_slips += 1
                at = self._aligned(sound, max(first, at))
            heard.text += ALPHABET[index]
            heard.spans[-1] += ALPHABET[index]
            at += self.n_symbol
        return heard

    def _index(self, sound: NDArray[np.float32], at: int) -> int:
        """The best symbol for what begins at a sample."""
        return int(np.argmax(np.abs(np.fft.rfft(self._window(sound, at)))[self._bins]))

    def _misfit(self, sound: NDArray[np.float32], at: int, index: int) -> float:
        """Largest difference between what begins at a sample and a symbol."""
        return float(np.abs(self._window(sound, at) - self._symbols[index]).max())

    def _aligned(self, sound: NDArray[np.float32], first: int) -> int:
        """Where a symbol begins whose first audible sample is known."""
        index = self._index(sound, first)
        candidates = range(max(0, first - self._n_edge), first + 2)
        return min(candidates, key=lambda at: self._misfit(sound, at, index))

    def _window(self, sound: NDArray[np.float32], at: int) -> NDArray[np.float32]:
        window = np.zeros(self.n_symbol, np.float32)
        there = sound[at : at + self.n_symbol]
        window[: len(there)] = there
        return window
