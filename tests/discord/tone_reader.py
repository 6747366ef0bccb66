"""Reads the tone voice (`tests/doubles/tone_voice.py`) back from sound that went through Opus.

A lossy codec leaves no sample as it was, so letters are told by their pitch alone. Words are parted by the
voice's own pauses; within a stretch of sound every letter has the same length, so that a lost or doubled
frame shows as a wrong, missing or added letter.
"""

import numpy as np
from numpy.typing import NDArray

from tests.doubles.tone_voice import ALPHABET, LOWEST_HZ, STEP_HZ

RATE_HZ = 48_000
BLOCK = 240
"""5 ms: how exactly the borders of a stretch are looked for."""
AUDIBLE = 1_000
PAUSE_BLOCKS = 8
"""40 ms: what is shorter belongs to the codec, not to the voice."""
EDGE_MS = 8
"""Left out at both ends of a letter, where it fades and the next one rings."""


def read(samples: NDArray[np.int16], symbol_ms: int = 60) -> str:
    """The text in the sound (48 kHz mono), pauses as spaces."""
    return " ".join(_stretch(samples[first:end], symbol_ms) for first, end in _stretches(samples))


def letters(text: str) -> str:
    """What counts of a text: pauses and punctuation are the voice's own matter."""
    return "".join(char for char in text if char.isalnum())


def _stretches(samples: NDArray[np.int16]) -> list[tuple[int, int]]:
    blocks = np.abs(samples[: len(samples) // BLOCK * BLOCK].astype(np.int32)).reshape(-1, BLOCK).max(axis=1)
    loud = np.flatnonzero(blocks >= AUDIBLE)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > PAUSE_BLOCKS)
    firsts = [loud[0], *loud[breaks + 1]]
    lasts = [*loud[breaks], loud[-1]]
    return [(int(a) * BLOCK, (int(b) + 1) * BLOCK) for a, b in zip(firsts, lasts, strict=True)]


def _stretch(sound: NDArray[np.int16], symbol_ms: int) -> str:
    """One stretch without a pause: aligned as a whole, then read letter by letter."""
    n_symbol = RATE_HZ * symbol_ms // 1000
    count = max(1, round(len(sound) / n_symbol))
    padded = np.concatenate([np.zeros(n_symbol), sound.astype(float), np.zeros(n_symbol)])
    offsets = range(n_symbol - 3 * BLOCK, n_symbol + 4 * BLOCK, BLOCK // 2)
    spectra = [_spectra(padded, offset, n_symbol, count) for offset in offsets]
    best = max(spectra, key=lambda found: float(found.max(axis=1).sum()))
    return "".join(ALPHABET[index] for index in best.argmax(axis=1))


def _spectra(sound: NDArray[np.float64], offset: int, n_symbol: int, count: int) -> NDArray[np.float64]:
    """`[count, letters]`: how strongly each letter sounds in each place."""
    edge = RATE_HZ * EDGE_MS // 1000
    window = np.hanning(n_symbol - 2 * edge)
    n_fft = RATE_HZ // 10
    bins = (LOWEST_HZ + STEP_HZ * np.arange(len(ALPHABET))) * n_fft // RATE_HZ
    rows = [sound[offset + i * n_symbol + edge : offset + (i + 1) * n_symbol - edge] for i in range(count)]
    rows = [np.pad(row, (0, len(window) - len(row))) * window for row in rows]
    return np.abs(np.fft.rfft(np.array(rows), n_fft))[:, bins]
