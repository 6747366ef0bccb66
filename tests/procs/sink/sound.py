"""Frames whose samples tell where they belong, so that what is heard can be read back."""

import struct

from bus.audio import FRAME_SAMPLES
from bus.messages import AudioFrame


def pcm(value: int) -> bytes:
    """A frame whose every sample is `value`."""
    return struct.pack("<h", value) * FRAME_SAMPLES


def frame(index: int, value: int | None = None, *, final: bool = False) -> AudioFrame:
    """Frame `index` of a turn; samples are `index + 1` unless told otherwise."""
    return AudioFrame(index, 0, pcm(index + 1 if value is None else value), final)


def end(index: int = 0) -> AudioFrame:
    """The end of a turn, without sound."""
    return AudioFrame(index, 0, b"", final=True)


def last_sample(data: bytes) -> int:
    """What tells frames apart: a join changes a frame's beginning only."""
    (value,) = struct.unpack("<h", data[-2:])
    return int(value)
