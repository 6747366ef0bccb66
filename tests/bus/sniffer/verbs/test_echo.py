import pytest

from bus.messages import TurnKind
from tests.bus.sniffer.hearing import SESSION, TURN, PaperBus, lines, rows, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def test_messages_of_the_named_topics_are_shown(bus):
    shown, ending = run(verb_of("echo", "flow."), [bus.token(0, "a"), bus.health("bot_main"), bus.frame(0)])
    assert [row["topic"] for row in rows(shown)] == ["flow.token", "flow.audio.discord_voice"]
    assert ending.complaints == []


def test_content_is_hidden_unless_asked_for(bus):
    messages = [bus.token(0, "canary")]
    assert "canary" not in str(run(verb_of("echo"), messages))
    assert "canary" in lines(run(verb_of("echo", "--show-content"), messages)[0])[0]


def test_raw_bytes_are_content(bus):
    shown, _ = run(verb_of("echo", "--raw", "--show-content"), [bus.token(0, "canary")])
    assert b"canary".hex() in lines(shown)[0]


def test_fields_sessions_and_turns_can_be_chosen(bus):
    messages = [bus.token(i, "x", TURN + i) for i in range(3)]
    shown, _ = run(verb_of("echo", "--field", "index", "--turn", TURN + 1), messages)
    assert [row["body"] for row in rows(shown)] == [{"index": 1}]
    shown, ending = run(verb_of("echo", "--session", "other"), messages)
    assert shown == []
    assert ending.complaints == ["no message of any topic came"]
    assert len(run(verb_of("echo", "--session", SESSION), messages)[0]) == 3


def test_missing_messages_are_shown_by_default(bus):
    first = bus.token(0, "")
    bus.lose("flow.token", 4)
    shown, _ = run(verb_of("echo"), [first, bus.token(5, "")])
    assert [row["missed"] for row in rows(shown)] == [0, 4]
    assert "--- 4 messages of flow.token are missing here ---" in lines(shown)[1]


def test_nothing_heard_is_a_complaint(bus):
    _, ending = run(verb_of("echo", "control.turn"), [bus.milestone("bot_main", TurnKind.DONE)])
    assert ending.complaints == ["no message of control.turn came"]
