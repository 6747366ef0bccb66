import pytest

from bus.messages import ChatMessage, Prompt
from bus.sniffer.render import ABSENT, message_line, select
from bus.sniffer.taps import Tapped
from tests.bus.sniffer.hearing import SESSION, TURN, PaperBus

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def test_a_message_is_one_line_without_its_content(bus):
    line = message_line(bus.token(7, "secret words"), with_content=False)
    assert f"flow.token                   llm_streamer #0 {SESSION}/{TURN}" in line.text
    assert "index=7 text=<12 chars> final=false" in line.text
    assert "secret" not in line.text + str(line.data)
    assert "\n" not in line.text


def test_asked_for_content_is_shown(bus):
    line = message_line(bus.token(7, "two words"), with_content=True)
    assert 'text="two words"' in line.text
    assert line.data["body"]["text"] == "two words"


def test_sound_is_a_bar_for_people_and_base64_for_programs_that_asked(bus):
    frame = bus.frame(3, level=16383)
    assert "pcm=███████░ <1920 bytes>" in message_line(frame, with_content=False).text
    assert "pcm=███████░ <1920 bytes>" in message_line(frame, with_content=True).text
    assert message_line(frame, with_content=False).data["body"]["pcm"] == "███████░ <1920 bytes>"
    assert len(message_line(frame, with_content=True).data["body"]["pcm"]) == 2560


def test_fields_are_selected_by_path(bus):
    prompt = Prompt((ChatMessage("system", "a"), ChatMessage("user", "b")))
    heard = bus.heard("flow.prompt", prompt, SESSION, TURN)
    line = message_line(
        heard, with_content=False, fields=("messages.1.role", "header.turn", "messages.1.content", "x.y")
    )
    assert line.data["body"] == {
        "messages.1.role": "user",
        "header.turn": TURN,
        "messages.1.content": "<1 chars>",
        "x.y": ABSENT,
    }


def test_selecting_goes_no_further_than_the_values():
    values = {"a": [1, {"b": 2}], "c": "text"}
    assert select(values, "a.1.b") == 2
    assert [select(values, path) for path in ("a.2", "a.b", "c.0", "", "a..b")] == [ABSENT] * 5


def test_a_long_message_is_cut_and_full_shows_it_all(bus):
    heard = bus.health("bot_main", facts={f"fact{i}": "value" for i in range(40)})
    assert message_line(heard, with_content=False).text.endswith("…")
    full = message_line(heard, with_content=False, is_full=True).text
    assert '"fact39": "value"' in full
    assert full.count("\n") > 40


def test_missing_messages_are_named_where_they_are_missing(bus):
    line = message_line(bus.token(7, ""), with_content=False, missed=3)
    assert line.text.startswith("--- 3 messages of flow.token are missing here ---\n")
    assert line.data["missed"] == 3


def test_a_body_that_cannot_be_read_says_so(bus):
    heard = bus.token(1, "")
    broken = Tapped(heard.topic, heard.header, b"\xc1", 1, 0, 0)
    assert "undecodable=" in message_line(broken, with_content=False).text
