"""Opus by the libopus that comes inside of the PyAV wheel; the system's is not needed."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import discord.opus
import numpy as np

from tests.discord.voice.heard import Samples

FRAME_SAMPLES = 960
CONCEALED_MAX = 10
"""Lost frames that a decoder makes up; after a longer gap it would only hiss."""


@cache
def load() -> None:
    """Loads libopus for this process, if the system has none."""
    if discord.opus.is_loaded():
        return
    spec = find_spec("av")
    assert spec is not None
    assert spec.origin is not None
    (path,) = (Path(spec.origin).parent.parent / "av.libs").glob("libopus-*.so*")
    discord.opus.load_opus(str(path))


class Decoder:
    """One speaker's stream back to sound."""

    def __init__(self) -> None:
        load()
        self._decoder = discord.opus.Decoder()  # type: ignore[no-untyped-call]

    def decode(self, frame: bytes, missing: int = 0) -> Samples:
        """`int16[960]` mono, with `missing` concealed frames before it.

        Raises:
            discord.opus.OpusError: this is no Opus frame.
        """
        concealed = [self._decoder.decode(None, fec=False) for _ in range(min(missing, CONCEALED_MAX))]
        return _mono(b"".join([*concealed, self._decoder.decode(frame, fec=False)]))


def _mono(stereo: bytes) -> Samples:
    pairs = np.frombuffer(stereo, np.int16).reshape(-1, 2).astype(np.int32)
    mono: Samples = (pairs.sum(axis=1) // 2).astype(np.int16)
    return mono


class Encoder:
    """Sound to Opus, for people who speak."""

    def __init__(self) -> None:
        load()
        self._encoder = discord.opus.Encoder()

    def encode(self, samples: Samples) -> bytes:
        """A frame of `int16[960]` mono."""
        return bytes(self._encoder.encode(np.repeat(samples, 2).tobytes(), FRAME_SAMPLES))
