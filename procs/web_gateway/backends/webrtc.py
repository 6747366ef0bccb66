"""Sound by WebRTC instead of binary frames, for networks that lose packets: Opus over SRTP, by aiortc.

The client offers over HTTP, and everything else stays on its WebSocket: the same session, the same events.
Sources: RFC 8829 (offer and answer), RFC 7587 (Opus in RTP). No STUN or TURN server is asked: a client is
reached at its own addresses, or not at all.
"""

import asyncio
import fractions
import time
from collections.abc import Callable

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from bus.audio import FRAME_SAMPLES, SAMPLE_RATE_HZ

WAITING = 50
"""Frames (1 s) that may wait for the network; then all of them are left out."""

GAP_S = 0.1
"""A longer pause between two frames is a pause in RTP's clock as well."""

ANSWER_S = 5.0
"""An offer is answered by then."""

TIME_BASE = fractions.Fraction(1, SAMPLE_RATE_HZ)


class Track(MediaStreamTrack):
    """Her voice as a track; frames leave as they come, since the pacer has paced them."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._pts = 0
        self._last_s: float | None = None

    def put(self, pcm: bytes) -> None:
        """Send 20 ms, `int16[960]`; never waits."""
        if self._frames.full():
            while not self._frames.empty():
                self._frames.get_nowait()
        self._frames.put_nowait(pcm)

    async def recv(self) -> AudioFrame:
        """The next frame, for aiortc's sender."""
        pcm = await self._frames.get()
        now_s = time.monotonic()
        if self._last_s is not None and now_s - self._last_s > GAP_S:
            self._pts += round((now_s - self._last_s) * SAMPLE_RATE_HZ) - FRAME_SAMPLES
        self._last_s = now_s
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(pcm)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = TIME_BASE
        frame.pts = self._pts
        self._pts += FRAME_SAMPLES
        return frame


class Peer:
    """One client's peer connection.

    Args:
        on_change: called when it begins or ceases to carry sound.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = Track()
        self._peer.addTrack(self._track)
        self._peer.on("connectionstatechange", on_change)

    @property
    def is_carrying(self) -> bool:
        """Whether sound gets through."""
        return bool(self._peer.connectionState == "connected")

    @property
    def is_over(self) -> bool:
        """Whether it will never carry sound (again)."""
        return self._peer.connectionState in ("failed", "closed")

    def put(self, pcm: bytes) -> None:
        """Send 20 ms."""
        self._track.put(pcm)

    async def answer(self, sdp: str) -> str:
        """The answer to an offer.

        Raises:
            ValueError: it is no offer that can be answered.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
                await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # the library's parser raises whatever a foreign text provokes
            await self.close()
            raise ValueError(f"{type(error).__name__} in the offer") from None
        return str(self._peer.localDescription.sdp)

    async def close(self) -> None:
        """Release it; harmless the second time."""
        await self._peer.close()
