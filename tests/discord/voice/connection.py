"""One bot's connection to a voice server: its WebSocket, its stream of packets, its place in the room.

It outlives its WebSocket for a RESUME. Source: "Voice Connections" of Discord's documentation, version 8.
"""

import asyncio
import json
import secrets
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.discord.faults import Point
from tests.discord.voice.aead import KEY_BYTES, MODES, Cipher, Forged
from tests.discord.voice.rtp import Order, Packet, body
from tests.discord.wire import Wire

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback
    from tests.discord.voice.switchboard import Seat

FROM_SERVER = 1 << 31
"""Nonces of the server: both directions share one key, and clients count from zero."""
KEPT = 1_000
"""Messages kept for a resume."""


class VoiceConnection:
    """From IDENTIFY to the end of the session."""

    def __init__(self, discord: "Loopback", seat: "Seat", ssrc: int, wire: Wire, dave_version: int) -> None:
        self._discord = discord
        self.seat = seat
        self.ssrc = ssrc
        self.wire: Wire | None = wire
        self.room = discord.switchboard.room(seat.state.channel)
        self.dave_version = dave_version if self.room.group else 0
        self.mode: str | None = None
        self.key = secrets.token_bytes(KEY_BYTES)
        self.address: tuple[str, int] | None = None
        """Where its packets come from."""
        self.has_spoken_up = False
        """Whether there was a SPEAKING; no packet may come before it."""
        self.speaking = 0
        self.ending: asyncio.TimerHandle | None = None
        self.is_over = False
        self._cipher: Cipher | None = None
        self._order = Order()
        self._nonces: deque[bytes] = deque(maxlen=KEPT)
        self._sequence = -1
        self._sealed = 0
        self._kept: deque[tuple[int, str | bytes]] = deque(maxlen=KEPT)

    @property
    def user_id(self) -> int:
        """Whose connection it is."""
        return self.seat.state.user.id

    def send_json(self, op: int, data: Any) -> None:
        """A numbered message, kept for a resume."""
        sequence = self._next()
        self._send(sequence, json.dumps({"op": op, "d": data, "seq": sequence}))

    def send_binary(self, op: int, payload: bytes) -> None:
        """A numbered binary message (DAVE), kept for a resume."""
        sequence = self._next()
        self._send(sequence, struct.pack(">HB", sequence, op) + payload)

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return self._sequence

    def _send(self, sequence: int, message: str | bytes) -> None:
        self._kept.append((sequence, message))
        if self.wire:
            self.wire.send(message)

    def replay(self, after: int) -> None:
        """Sends again what the client has not acknowledged."""
        for sequence, message in self._kept:
            if sequence > after and self.wire:
                self.wire.send(message)

    def select(self, mode: str) -> None:
        """The client has chosen how packets are encrypted; from here on it is in the room."""
        self.mode = mode
        self._cipher = MODES[mode](self.key)
        self.send_json(
            4,
            {
                "mode": mode,
                "secret_key": list(self.key),
                "dave_protocol_version": self.dave_version,
                "audio_codec": "opus",
                "video_codec": "H264",
                "media_session_id": secrets.token_hex(16),
            },
        )
        self.room.enter(self)
        if self.dave_version and self.room.group:
            self.room.group.join(self)

    def packet(self, packet: Packet, datagram: bytes, at_ns: int) -> None:
        """A voice packet from this client's address."""
        heard = self.room.of(self.user_id)
        if not self.has_spoken_up:
            heard.violations.append("RTP before any SPEAKING")
            self.close(4020, "Bad request.")
            return
        if self._cipher is None:
            return
        heard.violations.extend(self._order.check(packet))
        nonce = datagram[-4:]
        if nonce in self._nonces:
            heard.violations.append("nonce used twice")
        self._nonces.append(nonce)
        try:
            plain = self._cipher.open(packet.header, datagram[len(packet.header) :])
        except Forged:
            heard.violations.append("packet does not decrypt with this connection's key")
            return
        heard.unannounced += not self.speaking
        if self.seat.state.suppress or self.seat.state.mute:
            heard.unheard += 1
            return
        self.room.say(self.user_id, body(packet, plain), at_ns)

    def send_packet(self, header: bytes, payload: bytes) -> None:
        """A voice packet of somebody else, to this client."""
        if self._cipher and self.address:
            self._sealed += 1
            packet = self._cipher.seal(header, payload, FROM_SERVER | self._sealed)
            self.seat.server.send(packet, self.address)

    def close(self, code: int, reason: str = "") -> None:
        """Closes the WebSocket; whether a resume may follow depends on the code."""
        if self.wire:
            self.wire.close(code, reason)

    def lost(self, keep_s: float) -> None:
        """The WebSocket is gone; the client has this long to resume."""
        self.wire = None
        if not self.is_over:
            self.ending = asyncio.get_running_loop().call_later(keep_s, self.end)

    def resumed(self, wire: Wire) -> None:
        """The client is back on another WebSocket."""
        if self.ending:
            self.ending.cancel()
        self.wire = wire

    def end(self) -> None:
        """Nothing of it is left."""
        if self.is_over:
            return
        self.is_over = True
        if self.ending:
            self.ending.cancel()
        if self.room.group:
            self.room.group.leave(self)
        self.room.exit(self)
        self.seat.server.connections.pop(self.ssrc, None)
        if self.seat.connection is self:
            self.seat.connection = None

    def dave(self, op: int, payload: bytes) -> None:
        """A binary message from the client. Raises: ValueError."""
        group = self.room.group
        if group is None or not self.dave_version:
            raise ValueError("DAVE where there is none")
        if op == 26:
            group.key_package(self.user_id, payload)
        elif op == 28:
            group.commit(self.user_id, payload)
        else:
            raise ValueError(f"binary op {op}")

    def is_lost(self, point: Point) -> bool:
        """Whether a fault takes this connection's packet away."""
        return self._discord.faults.strikes(point, str(self.user_id)) is not None
