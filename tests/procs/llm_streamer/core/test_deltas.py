import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.llm_streamer.core.deltas import Delta, read
from procs.llm_streamer.core.failures import Failure
from procs.llm_streamer.core.sse import Event

pytestmark = pytest.mark.unit


def delta(value: object, name: str = "") -> Delta:
    return read(Event(name, json.dumps(value)))


def choice(**fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, **fields}]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (choice(delta={"content": " Hello"}), " Hello"),
        (choice(text=" Hello"), " Hello"),
        (choice(message={"role": "assistant", "content": "Hello"}), "Hello"),
        (choice(delta={"content": [{"type": "thinking", "text": "x"}, {"type": "text", "text": "A"}]}), "A"),
        (choice(delta={"role": "assistant", "content": None}), ""),
        (choice(delta=None), ""),
        (choice(delta={"content": 7}), ""),
        ({"choices": []}, ""),
        ({"choices": None}, ""),
        ({"choices": [], "usage": {"completion_tokens": 3}, "timings": {"predicted_n": 3}}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_text_of_every_shape(value, text):
    assert delta(value) == Delta(text)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_noticed_and_not_spoken(key):
    assert delta(choice(delta={key: "hm"})) == Delta(is_thought=True)


def test_finish_reasons():
    assert delta(choice(delta={}, finish_reason="length")).finish_reason == "length"
    assert delta(choice(delta={}, finish_reason="stop")).finish_reason == "stop"
    assert delta(choice(delta={}, finish_reason="content_filter")).finish_reason == "stop"
    assert delta(choice(delta={}, finish_reason=None)).finish_reason == ""
    assert read(Event("", "[DONE]")).finish_reason == "stop"


@pytest.mark.parametrize(
    "event",
    [
        Event("", '{"error": {"message": "it broke"}}'),
        Event("", '{"error": "it broke"}'),
        Event("", '{"object": "error", "message": "it broke"}'),
        Event("error", '{"message": "it broke"}'),
        Event("error", "it broke"),
    ],
)
def test_errors_of_every_shape(event):
    with pytest.raises(Failure, match="it broke") as caught:
        read(event)
    assert caught.value.code == "llm_failed"


@pytest.mark.parametrize("data", ["", "{", "ping", "[1]", "null", "7", "[" * 100_000])
def test_nonsense_is_a_failure(data):
    with pytest.raises(Failure) as caught:
        read(Event("", data))
    assert caught.value.code == "llm_failed"


KEYS = ["choices", "delta", "message", "content", "error", "code", "text", "finish_reason"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    )
)
def test_any_json_is_read_or_refused(value):
    with suppress(Failure):
        assert isinstance(delta(value), Delta)
