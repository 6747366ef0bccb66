"""The law of the link, request by request."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from procs.tts_server.core.link import (
    CODES,
    MAX_REQUEST_BYTES,
    Cancel,
    Ping,
    Refused,
    Say,
    error_reply,
    parse,
    pong_reply,
    sound_reply,
)

pytestmark = pytest.mark.unit

SAY = {"v": 1, "op": "say", "id": "a", "text": "Hello."}

ids = st.text(min_size=1, max_size=64)
texts = st.text(max_size=2000)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def frame(fields: object) -> list[bytes]:
    return [json.dumps(fields).encode()]


def refusal(frames: list[bytes]) -> Refused:
    with pytest.raises(Refused) as caught:
        parse(frames)
    return caught.value


def answer(frames: list[bytes]) -> str:
    """The code with which frames are refused, empty if they are taken."""
    try:
        parse(frames)
    except Refused as refused:
        return refused.code
    return ""


@given(ids, texts, st.text(max_size=64), st.floats(0.5, 2.0))
def test_every_lawful_say_is_understood(request_id: str, text: str, voice: str, speed: float) -> None:
    fields = {**SAY, "id": request_id, "text": text, "voice": voice, "speed": speed}
    assert parse(frame(fields)) == Say(request_id, text, voice, speed)


@given(ids, st.integers(-(2**53) + 1, 2**53 - 1))
def test_cancels_and_pings_are_understood(request_id: str, n: int) -> None:
    assert parse(frame({"v": 1, "op": "cancel", "id": request_id})) == Cancel(request_id)
    assert parse(frame({"v": 1, "op": "ping", "n": n})) == Ping(n)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=10).filter(lambda k: k not in {*SAY, "voice", "speed"}), json_values))
def test_unknown_fields_are_ignored(unknown: dict[str, Any]) -> None:
    allowed = json.loads(json.dumps(unknown).replace("NaN", "0").replace("Infinity", "0"))
    assert parse(frame({**allowed, **SAY})) == Say("a", "Hello.")


@given(st.lists(st.binary(max_size=200), max_size=3))
@example([b"[" * 30_000])
@example([b'{"v":' + b"9" * 10_000 + b"}"])
@example([b'{"v":1,"v":1,"op":"ping","n":1}'])
@example([b'{"v":1,"op":"ping","n":NaN}'])
@example([b"\xff\xfe"])
@example([b"{}", b""])
def test_bytes_that_are_no_request_are_refused_and_nothing_else_happens(frames: list[bytes]) -> None:
    assert refusal(frames).code == "bad_request"


@given(st.sampled_from(["v", "op", "id", "text", "voice", "speed", "n"]), json_values)
def test_any_value_in_any_field_is_taken_or_refused_with_a_known_code(field: str, value: object) -> None:
    for request in (SAY, {"v": 1, "op": "cancel", "id": "a"}, {"v": 1, "op": "ping", "n": 1}):
        assert answer(frame({**request, field: value})) in {"", *CODES}


@given(st.binary(min_size=1, max_size=4), st.integers(0, 100))
def test_damaged_requests_never_do_more_than_be_refused(damage: bytes, at: int) -> None:
    whole = frame(SAY)[0]
    place = at % len(whole)
    assert answer([whole[:place] + damage + whole[place + len(damage) :]]) in {"", *CODES}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "unsupported_version"),
        ({"v": True}, "bad_request"),
        ({"v": 1.0}, "bad_request"),
        ({"v": None}, "bad_request"),
        ({"op": "sing"}, "unknown_op"),
        ({"op": ["say"]}, "bad_request"),
        ({"id": ""}, "bad_request"),
        ({"id": 7}, "bad_request"),
        ({"id": "x" * 65}, "too_large"),
        ({"text": None}, "bad_request"),
        ({"text": "x" * 2001}, "too_large"),
        ({"voice": None}, "bad_request"),
        ({"voice": "x" * 65}, "too_large"),
        ({"speed": "fast"}, "bad_request"),
        ({"speed": True}, "bad_request"),
        ({"speed": 0.4}, "bad_request"),
        ({"speed": 2.1}, "bad_request"),
        ({"op": "ping", "n": 2**53}, "bad_request"),
        ({"op": "ping", "n": True}, "bad_request"),
        ({"op": "ping"}, "bad_request"),
    ],
)
def test_each_break_of_the_law_has_its_code(change: dict[str, Any], code: str) -> None:
    assert refusal(frame({**SAY, **change})).code == code


def test_a_frame_above_the_limit_is_too_large_whatever_it_holds() -> None:
    longest = frame({**SAY, "text": "\U0001f600" * 2000})
    assert parse(longest) == Say("a", "\U0001f600" * 2000)
    assert refusal([b" " * (MAX_REQUEST_BYTES + 1)]).code == "too_large"


def test_a_refusal_names_the_request_where_it_can() -> None:
    assert refusal(frame({**SAY, "op": "sing"})).request_id == "a"
    assert refusal(frame({**SAY, "id": "x" * 65})).request_id == ""
    assert refusal(frame({**SAY, "id": [1]})).request_id == ""
    assert refusal([b"garbage"]).request_id == ""


def test_replies_say_what_the_law_says() -> None:
    header, payload = sound_reply("a", 3, 22_050, "s16le", b"\0\0", ((0, 0), (6, 90)), last=True)
    assert payload == b"\0\0"
    assert json.loads(header) == {
        "id": "a",
        "seq": 3,
        "sample_rate": 22_050,
        "dtype": "s16le",
        "last": True,
        "marks": [[0, 0], [6, 90]],
    }
    header, payload = pong_reply(5, warmed_up=False, engine="e", voice="v", sample_rate_hz=32_000)
    assert payload == b""
    assert json.loads(header) == {
        "pong": 5,
        "warmed_up": False,
        "engine": "e",
        "voice": "v",
        "sample_rate": 32_000,
    }


@pytest.mark.parametrize("code", CODES)
def test_every_error_carries_its_sentence(code: str) -> None:
    header, payload = error_reply("a", code)
    assert json.loads(header) == {"id": "a", "code": code, "error": CODES[code]}
    assert payload == b""
