"""Three parts on the wire: topic (ASCII), header (MessagePack map), body (MessagePack map).

The body of a dead turn is never decoded: version, generation and staleness are judged on the header.
"""

from typing import Any

from bus import codec
from bus.errors import DecodeError, WrongVersion
from bus.header import PROTOCOL, Header
from bus.topics import Topic

HEADER_LIMIT_BYTES = 512
"""A header of ours has about 150 bytes; ids are bounded by their makers."""

PARTS = 3


def pack(topic: str, header: Header, body: bytes) -> list[bytes]:
    """The three parts of a message whose body is encoded already."""
    return [topic.encode("ascii"), codec.encode(header), body]


def unpack_header(parts: list[bytes]) -> tuple[str, Header]:
    """Topic and header of a message.

    Raises:
        DecodeError: not three parts, or not a header of ours.
        WrongVersion: a header of another protocol version.
    """
    if len(parts) != PARTS:
        raise DecodeError(f"{len(parts)} parts, not {PARTS}")
    try:
        topic = parts[0].decode("ascii")
    except UnicodeDecodeError:
        raise DecodeError("topic is not ASCII") from None
    fields = codec.decode_any(parts[1], HEADER_LIMIT_BYTES)
    if type(fields) is dict and type(fields.get("v")) is int and fields["v"] != PROTOCOL:
        raise WrongVersion(f"protocol {fields['v']}, ours is {PROTOCOL}")
    header = codec.from_plain(fields, Header)
    if min(header.boot, header.seq, header.turn, header.mono_ns, header.wall_ns) < 0:
        raise DecodeError("header: negative number")
    return topic, header


def unpack_body(row: Topic, body: bytes) -> Any:
    """The message of a topic.

    Raises:
        DecodeError: see `codec.decode`.
    """
    return codec.decode(body, row.message, row.body_limit_bytes)
