import msgpack
import pytest

from bus import wire
from bus.errors import DecodeError, WrongVersion
from bus.header import PROTOCOL, Header, Stamper
from bus.testing import FakeClock
from bus.topics import topic
from tests.bus.samples import SAMPLES

pytestmark = pytest.mark.unit

HEADER = Header(PROTOCOL, "bot_main", 1, 0, "s", 5, 10, 20)


def parts(**changes: object) -> list[bytes]:
    fields = {f: getattr(HEADER, f) for f in Header.__dataclass_fields__}
    return [b"flow.prompt", msgpack.packb({**fields, **changes}), b"\x80"]


def test_header_and_topic_survive_the_wire():
    assert wire.unpack_header(wire.pack("flow.prompt", HEADER, b"")) == ("flow.prompt", HEADER)


def test_another_version_is_named():
    with pytest.raises(WrongVersion, match="protocol 2"):
        wire.unpack_header(parts(v=2))


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [b"a"],
        [b"a", b"b", b"c", b"d"],
        [b"\xff\xfe", parts()[1], b""],
        [b"flow.prompt", b"", b""],
        [b"flow.prompt", b"\x80", b""],
        [b"flow.prompt", b"\x01", b""],
        parts(seq=-1),
        parts(boot="1"),
        parts(session=b"s"),
        parts(src="x" * 600),
    ],
)
def test_a_foreign_header_is_refused(bad):
    with pytest.raises(DecodeError):
        wire.unpack_header(bad)


def test_a_body_is_read_as_its_topic_says():
    token = next(s for s in SAMPLES if type(s).__name__ == "Token")
    header = Stamper("llm_streamer", FakeClock()).stamp("flow.token")
    body = wire.pack("flow.token", header, wire.codec.encode(token))[2]
    assert wire.unpack_body(topic("flow.token"), body) == token
    with pytest.raises(DecodeError):
        wire.unpack_body(topic("flow.audio.discord_voice"), body)


def test_numbers_of_a_topic_grow_by_one():
    stamper = Stamper("bot_main", FakeClock())
    assert [stamper.stamp("a").seq for _ in range(3)] == [0, 1, 2]
    assert stamper.stamp("b").seq == 0
