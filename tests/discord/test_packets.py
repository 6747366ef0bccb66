"""RTP, MLS structures and utterances, byte by byte."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.discord.voice.aead import MODES, Forged
from tests.discord.voice.dave.mls import PUBLIC_MESSAGE, Reader, parse_commit, vector
from tests.discord.voice.heard import PAUSE_NS, Heard
from tests.discord.voice.rtp import body, parse

pytestmark = pytest.mark.unit
FRAME = np.zeros(960, np.int16)
STEP_NS = 20_000_000


def header(first: int = 0x80, second: int = 0x78) -> bytes:
    return struct.pack(">BBHII", first, second, 7, 960, 99)


def test_a_plain_packet() -> None:
    packet = parse(header() + b"payload")
    assert packet is not None
    assert (packet.sequence, packet.timestamp, packet.ssrc) == (7, 960, 99)
    assert (packet.header, body(packet, b"payload")) == (header(), b"payload")


def test_contributors_extension_and_padding_are_cut_off() -> None:
    clear = header(0x80 | 0x20 | 0x10 | 2) + bytes(8) + struct.pack(">HH", 0xBEDE, 3)
    packet = parse(clear + b"sealed")
    assert packet is not None
    assert packet.header == clear
    assert body(packet, b"x" * 12 + b"payload" + b"\0\0\3") == b"payload"


@pytest.mark.parametrize("datagram", [b"", b"\x80" * 11, header(0x00), header(second=200), header(0x90)])
def test_what_is_no_voice_packet(datagram: bytes) -> None:
    assert parse(datagram) is None


@given(st.binary(max_size=40_000))
def test_vectors_are_read_as_written(content: bytes) -> None:
    reader = Reader(vector(content) + b"rest")
    assert reader.vector() == content
    assert reader.take(4) == b"rest"


@given(st.binary(max_size=200))
def test_garbage_is_no_commit(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_commit(PUBLIC_MESSAGE + garbage)


@pytest.mark.parametrize("mode", list(MODES))
@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**32 - 1))
def test_packets_open_as_sealed_and_not_when_changed(mode: str, plain: bytes, counter: int) -> None:
    cipher = MODES[mode](bytes(range(32)))
    packet = cipher.seal(header(), plain, counter)
    assert cipher.open(packet[:12], packet[12:]) == plain
    with pytest.raises(Forged):
        cipher.open(header(second=0xF8), packet[12:])


def test_five_silence_frames_end_an_utterance() -> None:
    heard = Heard()
    at = 0
    for pause in (0, 10 * PAUSE_NS):
        at += pause
        for _ in range(3):
            at += STEP_NS
            heard.voice(FRAME, at)
        for _ in range(5):
            heard.silence(at)
    assert [len(one.frames) for one in heard.utterances] == [3, 3]
    assert heard.pacing.max_ms == 20.0
    assert not heard.violations


def test_a_pause_without_silence_frames_is_a_violation_and_a_cut_is_none() -> None:
    heard = Heard()
    heard.voice(FRAME, 0)
    heard.cut()
    heard.voice(FRAME, 10 * PAUSE_NS)
    assert not heard.violations
    heard.silence(10 * PAUSE_NS)
    heard.settle(20 * PAUSE_NS)
    assert list(heard.violations) == ["speech stopped with 1 silence frames"]
