"""The PCM law of the bus: 48 kHz, signed 16-bit little-endian, mono, in frames of 20 ms.

The format is fixed by the protocol version and never repeated in a message. Mono is deliberate: 20 ms of
float32 mono and 20 ms of int16 stereo are both 3,840 bytes, so with 1,920 bytes on the bus a forgotten
conversion fails the length check instead of becoming noise.
"""

SAMPLE_RATE_HZ = 48_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000
SAMPLE_BYTES = 2
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
FRAME_NS = FRAME_MS * 1_000_000

SILENCE = bytes(FRAME_BYTES)
"""One frame of silence, `int16[960]`, 20 ms."""


def frames_of_ms(duration_ms: int) -> int:
    """Whole frames that cover `duration_ms`, rounded up."""
    return -(-duration_ms // FRAME_MS)
