"""What is in a recording."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

QUIET = 200
"""Below this amplitude of 32,767 is a pause."""


def samples(file: Path) -> NDArray[np.int16]:
    """`int16[n]` at 48 kHz mono; fails on any other format."""
    with wave.open(str(file)) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (
            48_000,
            1,
            2,
        )
        return np.frombuffer(recording.readframes(recording.getnframes()), np.int16)


def pauses_ms(sound: NDArray[np.int16]) -> list[int]:
    """Lengths of the pauses of 100 ms and more inside the sound."""
    blocks = np.abs(sound[: len(sound) // 480 * 480].astype(np.int32)).reshape(-1, 480).max(axis=1)
    loud = np.flatnonzero(blocks >= QUIET)
    gaps = np.diff(loud) - 1
    return [int(gap) * 10 for gap in gaps if gap >= 10]


def seconds(sound: NDArray[np.int16]) -> float:
    """Length of a sound."""
    return len(sound) / 48_000
