"""Joins without a click: 5 ms that lead from the sound before a break into what comes after it."""

import struct

from bus.audio import SAMPLE_BYTES

FADE_SAMPLES = 240
"""5 ms: enough that no click is heard, too short to be heard as a fade."""

CLICK = 655
"""2 % of full scale: a smaller jump between two samples is not heard, and such a join stays untouched."""

_FADE = struct.Struct(f"<{FADE_SAMPLES}h")


def join(before: bytes, after: bytes) -> bytes:
    """`after`, its first 5 ms crossfaded with the mirrored end of `before` where they would click.

    The mirror image continues the wave at the very sample where it stopped and holds nothing that was
    not heard already, so a cut reply gives away no sound behind the cut.

    Args:
        before: the frame heard last, `int16[960]`; empty where silence was.
        after: the frame to play, `int16[960]`.
    """
    ahead = _FADE.unpack_from(after)
    behind = _end(before)[::-1] if before else (0,) * FADE_SAMPLES
    if abs(behind[0] - ahead[0]) < CLICK:
        return after
    steps = range(FADE_SAMPLES)
    mixed = (
        (old * (FADE_SAMPLES - step) + new * step) // FADE_SAMPLES
        for step, old, new in zip(steps, behind, ahead, strict=True)
    )
    return _FADE.pack(*mixed) + after[_FADE.size :]


def _end(pcm: bytes) -> tuple[int, ...]:
    return _FADE.unpack_from(pcm, len(pcm) - FADE_SAMPLES * SAMPLE_BYTES)
