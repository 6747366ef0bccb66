"""Hearing a person with the unmodified client library: its socket, its key, its DAVE session."""

import davey
import discord
import numpy as np

from tests.discord.voice.aead import XChaCha
from tests.discord.voice.heard import SILENCE, Samples
from tests.discord.voice.opus import Decoder
from tests.discord.voice.rtp import DISCOVERY_BYTES, body, parse


class Receiver:
    """Collects what one person says. Packets come on the library's reader thread."""

    def __init__(self, voice: discord.VoiceClient, speaker: int) -> None:
        self._connection = voice._connection
        self._speaker = speaker
        self._decoder = Decoder()
        self.frames: list[Samples] = []
        self._connection.add_socket_listener(self._take)

    @property
    def samples(self) -> Samples:
        """48 kHz mono."""
        return np.concatenate(self.frames)

    def _take(self, datagram: bytes) -> None:
        packet = parse(datagram)
        if packet is None or len(datagram) == DISCOVERY_BYTES:
            return
        plain = XChaCha(bytes(self._connection.secret_key)).open(
            packet.header, datagram[len(packet.header) :]
        )
        frame = body(packet, plain)
        session = self._connection.dave_session
        if frame != SILENCE and session is not None:
            opus = session.decrypt(self._speaker, davey.MediaType.audio, frame)
            self.frames.append(self._decoder.decode(opus))
