import pytest

from bus import codec, wire
from bus.errors import DecodeError
from bus.header import Header
from bus.messages import Token
from bus.sniffer.taps import Taps, tapped
from bus.testing import FakeClock
from tests.bus.sniffer.hearing import PaperBus

pytestmark = pytest.mark.unit


def parts(seq=0, v=1, body=None):
    header = Header(v, "llm_streamer", 1, seq, "s", 5, 1_000_000, 2)
    return wire.pack("flow.token", header, codec.encode(Token(seq, "hi")) if body is None else body)


async def test_messages_come_out_in_order_with_their_time_of_receipt():
    clock = FakeClock()
    taps = Taps(clock)
    for seq in range(3):
        taps.on_parts(parts(seq))
        clock.advance_ms(1)
    heard = await taps.take(0)
    assert [t.header.seq for t in heard] == [0, 1, 2]
    assert heard[2].received_mono_ns - heard[0].received_mono_ns == 2_000_000
    assert heard[0].body == {"index": 0, "text": "hi", "final": False, "finish_reason": ""}
    assert heard[0].n_bytes == sum(map(len, parts(0)))


async def test_a_full_queue_drops_the_newest_and_counts_it():
    taps = Taps(FakeClock(), limit=10)
    for seq in range(25):
        taps.on_parts(parts(seq))
    assert [t.header.seq for t in await taps.take(0)] == list(range(10))
    assert taps.overflowed == taps.lost == 15


async def test_nothing_heard_within_the_time_is_nothing():
    assert await Taps(FakeClock()).take(0.001) == []


@pytest.mark.parametrize(
    "foreign", [[], [b"a"], [b"a", b"b", b"c"], [b"flow.token", codec.encode(Token(1, "x")), b""]]
)
async def test_what_is_no_message_of_the_bus_is_counted(foreign):
    taps = Taps(FakeClock())
    taps.on_parts(foreign)
    assert taps.undecodable == 1
    assert await taps.take(0.001) == []


def test_messages_of_another_protocol_version_are_heard():
    assert tapped(parts(v=7), 0, 0).header.v == 7


def test_a_body_is_looked_at_only_when_asked_for():
    heard = tapped(parts(body=b"\xc1"), 0, 0)
    with pytest.raises(DecodeError):
        _ = heard.body


def test_a_body_that_is_no_map_is_refused():
    heard = tapped(parts(body=b"\x01"), 0, 0)
    with pytest.raises(DecodeError, match="not a map"):
        _ = heard.body


def test_delay_is_receipt_minus_send():
    assert PaperBus().heard("flow.token", Token(0, ""), delay_ms=3).delay_ns == 3_000_000
