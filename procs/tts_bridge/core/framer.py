"""Cuts PCM of any length into exact frames. What does not fill a frame waits for the next bytes.

Invariant: bytes in = bytes out + zeros of `flush` + what waits. Never trims, never pads in the middle.
"""

from bus.audio import FRAME_BYTES, SAMPLE_BYTES


class Framer:
    """Bytes of `int16` mono in, frames `int16[960]` (20 ms) out."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, pcm: bytes) -> list[bytes]:
        """The frames that are complete now; `pcm` may begin and end inside a sample."""
        data = self._rest + pcm if self._rest else pcm
        whole = len(data) - len(data) % FRAME_BYTES
        self._rest = data[whole:]
        return [data[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]

    def flush(self) -> list[bytes]:
        """The rest as one frame filled up with zeros, or nothing; half a sample cannot be played and goes."""
        whole = len(self._rest) - len(self._rest) % SAMPLE_BYTES
        last, self._rest = self._rest[:whole], b""
        return [last.ljust(FRAME_BYTES, b"\0")] if last else []
