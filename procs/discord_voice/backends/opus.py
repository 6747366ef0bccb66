"""Sound to Opus frames as Discord takes them: 48 kHz, stereo, 20 ms.

libopus comes inside of the PyAV wheel, so nothing has to be installed; the system's is the second choice.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import discord.opus
import numpy as np

from bus.audio import FRAME_SAMPLES
from bus.errors import BackendError

SILENCE = b"\xf8\xff\xfe"
"""The frame that stands for silence, by Discord's voice documentation."""
SILENCES = 5
"""Frames of silence behind sound, so that listeners' decoders do not go on with its end."""
BITRATE_KBPS = 64
"""What Discord gives a channel unless somebody pays for more; speech needs no more."""
EXPECTED_LOSS = 0.1
"""How much redundancy forward error correction adds: speech stays whole on a bad mobile network."""


@cache
def load() -> None:
    """Load libopus for this process.

    Raises:
        BackendError: there is none.
    """
    for path in _in_wheel():
        try:
            discord.opus.load_opus(str(path))
        except (OSError, AttributeError):
            continue  # a wheel of another kind; the next one, or the system's
        return
    try:
        discord.opus.Encoder.get_opus_version()  # looks for the system's
    except discord.opus.OpusNotLoaded:
        raise BackendError("sink_failed", "no libopus, neither in PyAV nor in the system") from None


def _in_wheel() -> list[Path]:
    spec = find_spec("av")
    if spec is None or spec.origin is None:
        return []
    return sorted((Path(spec.origin).parent.parent / "av.libs").glob("libopus-*.so*"))


class Encoder:
    """One session's sound; keeps state from frame to frame.

    Raises:
        BackendError: no libopus.
    """

    def __init__(self) -> None:
        load()
        self._encoder = discord.opus.Encoder(
            application="voip",
            bitrate=BITRATE_KBPS,
            fec=True,
            expected_packet_loss=EXPECTED_LOSS,
            signal_type="voice",
        )

    def encode(self, pcm: bytes) -> bytes:
        """`int16[960]` mono to one frame with the same sound in both channels."""
        stereo = np.repeat(np.frombuffer(pcm, "<i2"), 2).tobytes()
        return bytes(self._encoder.encode(stereo, FRAME_SAMPLES))
