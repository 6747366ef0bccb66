"""Sound as packets: encrypted for the listeners, numbered, encrypted for the server, sent. No waiting.

Source: "Encrypting and Sending Voice" of Discord's developer documentation; RFC 3550.
"""

import struct
import time

from procs.discord_voice.backends.voice_gateway import VoiceClient
from procs.discord_voice.core.rtp import RtpClock

ALONE_S = 0.5
"""Where nobody is there to hear it, sound waits so long for the encryption."""
_RTP = struct.Struct(">BBHII")
_VERSION, _OPUS = 0x80, 0x78


class VoicePackets:
    """What leaves by a connection; used from the pacer's thread.

    Args:
        client: has the keys.
    """

    def __init__(self, client: VoiceClient) -> None:
        self._client, self._state = client, client._connection
        self.n_unsent = 0
        """Frames that the socket had no room for."""
        self.n_unencrypted = 0
        """Frames that could not be encrypted for anybody, and so did not leave."""
        self._rtp = RtpClock()
        self._unready_since: float | None = None

    @property
    def holds(self) -> bool:
        """Whether sound should wait, since the encryption for others is not ready."""
        state = self._state
        if not state.dave_protocol_version or state.can_encrypt:
            self._unready_since = None
            return False
        now = time.monotonic()
        self._unready_since = since = self._unready_since or now
        return self.has_listeners or now - since < ALONE_S

    @property
    def has_listeners(self) -> bool:
        """Whether anybody else is in the channel."""
        return bool(self._client.others)

    def pause(self) -> None:
        """The next packet does not follow the last one without a gap."""
        self._rtp.pause()

    def send(self, opus: bytes, now_ns: int) -> bool:
        """Let a frame leave; never waits. What can't be encrypted for the others does not leave.

        Returns:
            Whether it left.
        """
        state = self._state
        try:
            frame = state.dave_session.encrypt_opus(opus) if state.dave_protocol_version else opus  # type: ignore[union-attr]
        except Exception:  # the library's own kinds; without a group there is no key
            self.n_unencrypted += 1
            self._rtp.pause()
            return False
        header = _RTP.pack(_VERSION, _OPUS, *self._rtp.next(now_ns), state.ssrc)
        try:
            state.socket.send(self._client._encrypt_aead_xchacha20_poly1305_rtpsize(header, frame))
        except OSError:
            self.n_unsent += 1
            return False
        return True
