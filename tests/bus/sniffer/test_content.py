"""No text can slip through: every message is walked, with content that would be recognised."""

import dataclasses
import inspect
import json
import typing
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec, messages
from bus.messages import Token
from bus.sniffer.content import NAMES, blank, level_bar, redact, shown
from bus.topics import TOPICS
from tests.bus.samples import SAMPLES

pytestmark = pytest.mark.unit

CANARY = "the canary sings at dawn"

CONTENT = {
    "VoiceLink.voice_session_id",
    "VoiceLink.endpoint",
    "VoiceLink.token",
    "SettingValue.value",
    "ReplyState.text",
    "Request.text",
    "Request.user",
    "ChatMessage.content",
    "Prompt.verbatim",
    "Token.text",
    "AudioFrame.pcm",
}
"""What people say, and who they are. A new text field is hidden until it is named here or in `NAMES`."""

CLASSES = [
    cls
    for _, cls in inspect.getmembers(messages, dataclasses.is_dataclass)
    if cls.__module__ == "bus.messages"
]


def carries_text(hint: object) -> bool:
    if typing.get_origin(hint) is not None:
        return any(carries_text(argument) for argument in typing.get_args(hint))
    return hint in (str, bytes)


def text_fields() -> set[str]:
    return {
        f"{cls.__name__}.{name}"
        for cls in CLASSES
        for name, hint in typing.get_type_hints(cls).items()
        if carries_text(hint)
    }


def test_every_text_field_is_either_a_name_or_content():
    names = {f"{cls.__name__}.{name}" for cls, fields in NAMES.items() for name in fields}
    assert text_fields() == names | CONTENT
    assert not names & CONTENT


def with_canary(value: object, hint: object) -> object:
    """The same value with the canary in every text, but for names and enumerations."""
    if isinstance(value, Enum):
        return value
    if dataclasses.is_dataclass(value):
        hints = typing.get_type_hints(type(value))
        return {
            f.name: getattr(value, f.name)
            if f.name in NAMES.get(type(value), ())
            else with_canary(getattr(value, f.name), hints[f.name])
            for f in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [with_canary(item, None) for item in value]
    if isinstance(value, bytes):
        return CANARY.encode() * 80
    return CANARY if isinstance(value, str) else value


BY_TYPE = {type(sample): sample for sample in SAMPLES}


@pytest.mark.parametrize("name", TOPICS)
@pytest.mark.parametrize("hide", [shown, blank])
def test_no_content_of_any_topic_passes(name, hide):
    body = with_canary(BY_TYPE[TOPICS[name].message], None)
    assert "canary" not in repr(redact(name, body, hide))


def test_content_of_a_newer_protocol_is_hidden():
    body = {
        "index": 3,
        "text": CANARY,
        "feeling": CANARY,
        "words": [CANARY],
        "more": {"a": CANARY},
        "final": True,
    }
    seen = redact("flow.token", body, shown)
    assert "canary" not in repr(seen)
    assert (seen["index"], seen["final"]) == (3, True)


def test_text_where_a_number_or_an_enumeration_belongs_is_hidden():
    assert "canary" not in repr(redact("flow.token", {"index": CANARY}, shown))
    assert "canary" not in repr(redact("report.turn.tts_bridge", {"kind": CANARY}, shown))


def test_an_unknown_topic_shows_no_text():
    assert "canary" not in repr(redact("flow.dream", {"a": CANARY, "b": [CANARY]}, shown))


def test_names_and_numbers_are_shown():
    body = {
        "state": "degraded",
        "pid": 7,
        "code": "tts_unreachable",
        "detail": "port 1",
        "facts": {"voice": "a"},
    }
    assert redact("report.health.tts_bridge", body, shown) == body


def test_hidden_content_shows_its_size_and_loudness():
    assert shown("Hello") == "<5 chars>"
    assert shown(bytes(1920)) == "░░░░░░░░ <1920 bytes>"
    assert shown((32767).to_bytes(2, "little") * 960) == "████████ <1920 bytes>"


def test_each_cell_of_the_level_bar_is_six_decibels():
    peaks = [32767, 16383, 8191, 255, 127]
    bars = [level_bar(peak.to_bytes(2, "little")).count("█") for peak in peaks]
    assert bars == [8, 7, 6, 1, 0]
    assert level_bar((-32768).to_bytes(2, "little", signed=True)).count("█") == 8


@given(st.binary(max_size=64))
def test_a_level_bar_can_be_drawn_of_any_bytes(pcm):
    assert len(level_bar(pcm)) == 8


@pytest.mark.parametrize("name", TOPICS)
def test_a_blanked_message_is_still_a_message_of_the_same_size(name):
    row = TOPICS[name]
    body = codec.decode_any(codec.encode(BY_TYPE[row.message]), row.body_limit_bytes)
    blanked = codec.from_plain(redact(name, body, blank), row.message)
    assert len(repr(blanked)) >= len(repr(BY_TYPE[row.message])) - 20


def test_blanks_keep_lengths():
    body = codec.decode_any(codec.encode(Token(1, "Hello, ミク!")), 1000)
    assert redact("flow.token", body, blank)["text"] == "x" * 10
    assert blank(b"\x01\x02") == b"\x00\x00"
    assert json.dumps(blank(["ab", {"c": "d"}])) == '["xx", {}]'
