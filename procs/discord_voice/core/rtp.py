"""Sequence and timestamp of the RTP packets of one stream (RFC 3550, section 5.1)."""

from bus.audio import FRAME_NS, FRAME_SAMPLES

PAUSE_MAX_FRAMES = 1_000_000
"""5.5 hours: receivers take a step of half the range (2^31 samples) or more for one backwards."""


class RtpClock:
    """Numbers the packets: the sequence by one each, the timestamp by the time that the sound takes."""

    def __init__(self) -> None:
        self._sequence = -1
        self._timestamp = -FRAME_SAMPLES
        self._last_ns: int | None = None
        self._paused = False

    def pause(self) -> None:
        """What comes next does not follow the last packet without a gap."""
        self._paused = True

    def next(self, now_ns: int) -> tuple[int, int]:
        """Sequence (16 bit) and timestamp (32 bit, 48 kHz) of the packet that leaves now.

        Within a stretch packets that leave late are still 20 ms of sound apart; after a pause the
        timestamp goes on by the time that has passed, in whole frames.
        """
        step = 1
        if self._paused and self._last_ns is not None:
            step = min(max(1, (now_ns - self._last_ns) // FRAME_NS), PAUSE_MAX_FRAMES)
        self._paused = False
        self._last_ns = now_ns
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + step * FRAME_SAMPLES) & 0xFFFFFFFF
        return self._sequence, self._timestamp
