"""The server's side of the Soprano link: frames become requests, answers become frames.

Law: `docs/soprano-link.md`. Pure; it never sees a socket. A request that breaks the law becomes `Refused`,
which carries what the client is to be told; fields the law does not name are ignored.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from bus.foreign_json import read_json

VERSION = 1
"""Version of the link; raised only by a change that old clients or servers would misread."""

MAX_REQUEST_BYTES = 32 * 1024
"""Longest request: 2,000 characters take 24,000 bytes when JSON escapes each as a surrogate pair."""
MAX_ID_CHARS = 64
MAX_TEXT_CHARS = 2_000
"""About two minutes of speech: more than any sentence, little enough to be cancelled cheaply."""
MAX_VOICE_CHARS = 64
MIN_SPEED, MAX_SPEED = 0.5, 2.0
MAX_PING = 2**53 - 1
"""Largest whole number that every JSON implementation keeps exactly."""

CODES = {
    "bad_request": "The request is not one frame with a JSON object of the agreed fields and types.",
    "unsupported_version": "The request's version is not 1.",
    "unknown_op": "The operation is none of say, cancel, ping.",
    "too_large": "The request, its text or its id is longer than allowed.",
    "duplicate_id": "This client's request of the same id is not finished yet.",
    "busy": "Too many requests wait already.",
    "loading": "The voice is still loading.",
    "unavailable": "The engine or its model is missing, or did not load.",
    "unknown_voice": "The engine has no voice of that name.",
    "failed": "The engine failed while speaking.",
    "stalled": "The client does not read its replies; the rest of this one was dropped.",
    "cancelled": "The request was cancelled.",
}
"""Every error of the link with the sentence that is sent along."""


@dataclass(frozen=True)
class Say:
    """Speak a text."""

    id: str
    """Chosen by the client; names the replies. 1 to 64 characters."""
    text: str
    """At most 2,000 characters (Unicode code points); may be empty."""
    voice: str = ""
    """Voice in the engine's terms, empty for the server's own."""
    speed: float = 1.0
    """Factor on the server's own speed, 0.5 to 2."""


@dataclass(frozen=True)
class Cancel:
    """End a request at once."""

    id: str


@dataclass(frozen=True)
class Ping:
    """Ask whether the server is there and ready."""

    n: int
    """Comes back in the answer."""


Request = Say | Cancel | Ping


class Refused(Exception):
    """A request that breaks the law.

    Args:
        code: key of `CODES`.
        request_id: the request's id where one could be read, else empty.
    """

    def __init__(self, code: str, request_id: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.request_id = request_id


def parse(frames: list[bytes]) -> Request:
    """Frames of one message become a request.

    Raises:
        Refused: the law is broken.
    """
    if len(frames) != 1:
        raise Refused("bad_request")
    if len(frames[0]) > MAX_REQUEST_BYTES:
        raise Refused("too_large")
    fields = _object(frames[0])
    request_id = _readable_id(fields)
    try:
        return _request(fields)
    except Refused as refused:
        raise Refused(refused.code, request_id) from None


def error_reply(request_id: str, code: str) -> list[bytes]:
    """The end of a request that did not succeed: header and empty payload."""
    return _reply({"id": request_id, "code": code, "error": CODES[code]})


def sound_reply(
    request_id: str,
    seq: int,
    sample_rate_hz: int,
    dtype: str,
    payload: bytes = b"",
    marks: tuple[tuple[int, int], ...] = (),
    *,
    last: bool = False,
) -> list[bytes]:
    """A piece of sound.

    Args:
        seq: from 0, +1 within the request.
        dtype: `f32le` or `s16le`, mono.
        payload: raw samples in that type.
        marks: (character in the text, sample in the request's sound) where words start.
    """
    header = {
        "id": request_id,
        "seq": seq,
        "sample_rate": sample_rate_hz,
        "dtype": dtype,
        "last": last,
        "marks": marks,
    }
    return _reply(header, payload)


def pong_reply(n: int, *, warmed_up: bool, engine: str, voice: str, sample_rate_hz: int) -> list[bytes]:
    """The answer to a ping."""
    header = {
        "pong": n,
        "warmed_up": warmed_up,
        "engine": engine,
        "voice": voice,
        "sample_rate": sample_rate_hz,
    }
    return _reply(header)


def _reply(header: dict[str, Any], payload: bytes = b"") -> list[bytes]:
    return [json.dumps(header, separators=(",", ":")).encode(), payload]


def _object(frame: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 without duplicate keys, NaN or bottomless nesting."""
    try:
        value = read_json(
            frame.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except ValueError:
        raise Refused("bad_request") from None
    if not isinstance(value, dict):
        raise Refused("bad_request")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate key")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _readable_id(fields: dict[str, Any]) -> str:
    """The id for the answer to a broken request: whatever could serve as one."""
    value = fields.get("id")
    return value if isinstance(value, str) and len(value) <= MAX_ID_CHARS else ""


def _request(fields: dict[str, Any]) -> Request:
    if _typed(fields, "v", int) != VERSION:
        raise Refused("unsupported_version")
    match _typed(fields, "op", str):
        case "say":
            return _say(fields)
        case "cancel":
            return Cancel(_id(fields))
        case "ping":
            return Ping(_ping_number(fields))
        case _:
            raise Refused("unknown_op")


def _say(fields: dict[str, Any]) -> Say:
    request_id, text = _id(fields), _typed(fields, "text", str)
    voice = _typed(fields, "voice", str) if "voice" in fields else ""
    if len(text) > MAX_TEXT_CHARS or len(voice) > MAX_VOICE_CHARS:
        raise Refused("too_large")
    return Say(request_id, text, voice, _speed(fields))


def _id(fields: dict[str, Any]) -> str:
    value = _typed(fields, "id", str)
    if len(value) > MAX_ID_CHARS:
        raise Refused("too_large")
    if not value:
        raise Refused("bad_request")
    return str(value)


def _speed(fields: dict[str, Any]) -> float:
    value = fields.get("speed", 1.0)
    if type(value) not in (int, float) or not (math.isfinite(value) and MIN_SPEED <= value <= MAX_SPEED):
        raise Refused("bad_request")
    return float(value)


def _ping_number(fields: dict[str, Any]) -> int:
    value = _typed(fields, "n", int)
    if abs(value) > MAX_PING:
        raise Refused("bad_request")
    return int(value)


def _typed(fields: dict[str, Any], name: str, kind: type) -> Any:
    """A required field of exactly that type: JSON's `true` is no number here."""
    value = fields.get(name)
    if type(value) is not kind:
        raise Refused("bad_request")
    return value
