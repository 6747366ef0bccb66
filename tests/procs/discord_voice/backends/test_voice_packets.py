"""Frames leave numbered and encrypted; what nobody could read does not leave; sound waits for keys."""

import struct
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bus.audio import FRAME_NS
from procs.discord_voice.backends import voice_packets
from procs.discord_voice.backends.voice_packets import ALONE_S, VoicePackets

pytestmark = pytest.mark.unit


@dataclass
class Wire:
    """A socket that takes packets until it is full."""

    sent: list[bytes] = field(default_factory=list)
    is_full: bool = False

    def send(self, packet: bytes) -> int:
        if self.is_full:
            raise BlockingIOError
        self.sent.append(packet)
        return len(packet)


@dataclass
class Keys:
    """The library's client as far as packets use it: the real one needs a server."""

    wire: Wire = field(default_factory=Wire)
    others: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._connection: Any = SimpleNamespace(
            dave_protocol_version=0, can_encrypt=False, dave_session=None, socket=self.wire, ssrc=9
        )

    def _encrypt_aead_xchacha20_poly1305_rtpsize(self, header: bytes, frame: bytes) -> bytes:
        return header + b"|" + frame


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def packets(keys: Keys) -> VoicePackets:
    return VoicePackets(keys)  # type: ignore[arg-type]


def test_packets_are_numbered(packets: VoicePackets, keys: Keys) -> None:
    for n in range(3):
        packets.send(b"opus", n * FRAME_NS)
    heads = [struct.unpack_from(">BBHII", packet) for packet in keys.wire.sent]
    assert heads == [(0x80, 0x78, n, n * 960, 9) for n in range(3)]
    assert {packet[12:] for packet in keys.wire.sent} == {b"|opus"}


def test_a_full_socket_costs_the_frame(packets: VoicePackets, keys: Keys) -> None:
    keys.wire.is_full = True
    assert not packets.send(b"opus", 0)
    assert (packets.n_unsent, packets.n_unencrypted) == (1, 0)


def test_what_can_not_be_encrypted_for_the_others_does_not_leave(packets: VoicePackets, keys: Keys) -> None:
    keys._connection.dave_protocol_version = 1  # demanded, and there is no group yet
    assert not packets.send(b"opus", 0)
    assert (keys.wire.sent, packets.n_unencrypted) == ([], 1)


def test_sound_waits_for_keys_while_somebody_listens(
    packets: VoicePackets, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(voice_packets.time, "monotonic", lambda: now_s)
    keys._connection.dave_protocol_version, keys.others = 1, {5}
    assert packets.holds
    now_s += 60.0
    assert packets.holds
    keys._connection.can_encrypt = True
    assert not packets.holds


def test_alone_sound_does_not_wait_for_keys_that_nobody_makes(
    packets: VoicePackets, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(voice_packets.time, "monotonic", lambda: now_s)
    assert not packets.holds, "nothing is demanded"
    keys._connection.dave_protocol_version = 1
    assert packets.holds
    now_s += ALONE_S - 0.01
    assert packets.holds
    now_s += 0.02
    assert not packets.holds
    keys._connection.can_encrypt = True
    assert not packets.holds
    keys._connection.can_encrypt = False
    assert packets.holds, "another group is another wait"
