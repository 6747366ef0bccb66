"""RTP packets as voice clients send them, and what is wrong with their order. Source: RFC 3550."""

import struct
from typing import NamedTuple

VOICE = 0x78
"""Payload type 120 without marker."""
FRAME_SAMPLES = 960
"""20 ms at 48 kHz: the step of the timestamps."""
RTCP_TYPES = range(200, 205)
DISCOVERY_BYTES = 74
KEEPALIVE_BYTES = 8


class Packet(NamedTuple):
    """The clear part of a packet."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    header: bytes
    """Authenticated, not encrypted: fixed header, CSRCs and the first four bytes of an extension."""
    extension_words: int
    """Length of the extension's body, which is encrypted with the payload."""
    padded: bool


def parse(datagram: bytes) -> Packet | None:
    """None if this is no RTP (RTCP included)."""
    if len(datagram) < 12 or datagram[0] >> 6 != 2 or datagram[1] in RTCP_TYPES:
        return None
    first, payload_type, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", datagram)
    end = 12 + 4 * (first & 0x0F)
    extension_words = 0
    if first & 0x10:
        if len(datagram) < end + 4:
            return None
        (extension_words,) = struct.unpack_from(">H", datagram, end + 2)
        end += 4
    return Packet(
        payload_type, sequence, timestamp, ssrc, datagram[:end], extension_words, bool(first & 0x20)
    )


def body(packet: Packet, plain: bytes) -> bytes:
    """The payload alone: without the extension's body and the padding."""
    payload = plain[4 * packet.extension_words :]
    return payload[: -payload[-1]] if packet.padded and payload else payload


class Order:
    """Follows one stream; knows when sequence and timestamp do not fit."""

    def __init__(self) -> None:
        self._sequence: int | None = None
        self._timestamp = 0

    def check(self, packet: Packet) -> list[str]:
        """What is wrong with the next packet, in words; usually nothing."""
        last, self._sequence = self._sequence, packet.sequence
        last_timestamp, self._timestamp = self._timestamp, packet.timestamp
        wrong = [] if packet.payload_type == VOICE else [f"payload type {packet.payload_type:#x}"]
        if last is None:
            return wrong
        if packet.sequence != (last + 1) & 0xFFFF:
            wrong.append(f"sequence goes from {last} to {packet.sequence}")
        step = (packet.timestamp - last_timestamp) & 0xFFFFFFFF
        if step == 0 or step % FRAME_SAMPLES or step >= 1 << 31:
            wrong.append(f"timestamp step of {step}")
        return wrong
