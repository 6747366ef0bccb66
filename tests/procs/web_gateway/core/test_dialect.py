import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.web_gateway.core import events
from procs.web_gateway.core.dialect import V1, Chat
from procs.web_gateway.core.events import Event

pytestmark = pytest.mark.unit


def test_the_envelope_holds_the_data_twice():
    (text,) = V1(16_000).texts(events.delta(7, "Hä", 3), 42)
    assert json.loads(text) == {
        "type": "assistant.response.delta",
        "seq": 42,
        "source": "llm",
        "trackId": "audio_out",
        "turn_id": 7,
        "text": "Hä",
        "first_char": 3,
        "data": {"turn_id": 7, "text": "Hä", "first_char": 3},
    }


@pytest.mark.parametrize(
    ("code", "stage", "track"),
    [
        ("protocol.order", "protocol", "control"),
        ("auth.required", "auth", "control"),
        ("audio.frame_size_mismatch", "audio", "audio_in"),
        ("llm_timeout", "llm", "control"),
        ("tts_stalled", "tts", "control"),
        ("session_active", "session", "control"),
    ],
)
def test_an_error_names_its_stage(code, stage, track):
    event = events.error(code, "" if "_" in code and "." not in code else "words")
    assert (event.data["stage"], event.track) == (stage, track)
    assert event.data["message"]


def test_live_chat_listens_only_when_nothing_is_being_answered():
    chat = Chat()
    told = [events.accepted(1, 0, ""), events.accepted(2, 1, ""), events.audio_start(1, 0, 24_000)]
    told += [events.ended(1, "done", "", 0), events.ended(2, "done", "", 0)]
    said = [json.loads(text) for event in told for text in chat.texts(event, 0)]
    states = [message["state"] for message in said if message["type"] == "status"]
    assert states == ["thinking", "speaking", "thinking", "listening"]


@given(st.lists(st.sampled_from(["start", "chunk", "drop"]), max_size=60))
def test_a_chunk_s_number_leads_back_to_its_place_whatever_was_left_out(acts):
    chat, sent, turn, position_ms, n_waiting = Chat(), [], 0, 0, 0
    for act in acts:
        if act == "start" or not turn:
            turn, position_ms = turn + 1, 100 * turn
            texts = chat.texts(events.audio_start(turn, position_ms, 24_000), 0)
            assert json.loads(texts[0])["chunk_id"] == len(sent)
        elif act == "chunk":
            chat.sound_queued()
            sent.append((turn, position_ms + 20))
            position_ms += 20
            n_waiting += 1
        else:
            n_dropped = min(n_waiting, 3)
            chat.sound_dropped(n_dropped)
            del sent[len(sent) - n_dropped :]
            n_waiting = 0
            turn, position_ms = turn + 1, 100 * turn
            chat.texts(events.audio_start(turn, position_ms, 24_000), 0)
    for chunk, place in enumerate(sent):
        assert chat.heard(chunk) == place
    assert chat.heard(-1) == (0, 0)


def test_what_the_small_protocol_has_no_word_for_is_left_out():
    assert Chat().texts(Event("output.captions", {}), 1) == []
