import pytest

from bus.messages import TurnKind
from tests.bus.sniffer.hearing import TURN, PaperBus, lines, rows, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def whole(bus, turn):
    return [
        bus.milestone("bot_main", TurnKind.ACCEPTED, turn=turn),
        bus.milestone("discord_voice", TurnKind.FIRST_FRAME, turn=turn),
        bus.milestone("discord_voice", TurnKind.DONE, turn=turn),
        bus.milestone("bot_main", TurnKind.DONE, turn=turn),
    ]


def test_the_next_turn_that_ends_is_shown_and_that_is_all(bus):
    verb = verb_of("turn")
    shown, ending = run(verb, [*whole(bus, TURN), *whole(bus, TURN + 1)])
    assert [row["turn"] for row in rows(shown)] == [TURN]
    assert verb.is_done
    assert (ending.outputs, ending.complaints) == ([], [])


def test_following_shows_each_turn(bus):
    shown, _ = run(verb_of("turn", "--follow"), [*whole(bus, TURN), *whole(bus, TURN + 1)])
    assert [row["turn"] for row in rows(shown)] == [TURN, TURN + 1]


def test_a_certain_turn_can_be_waited_for(bus):
    shown, _ = run(verb_of("turn", "--turn", TURN + 1), [*whole(bus, TURN), *whole(bus, TURN + 1)])
    assert [row["turn"] for row in rows(shown)] == [TURN + 1]


def test_a_turn_that_does_not_end_in_time_is_shown_as_far_as_it_came(bus):
    shown, ending = run(verb_of("turn"), whole(bus, TURN)[:2])
    assert shown == []
    assert "unfinished" in lines(ending.outputs)[0]
    assert ending.complaints == []


def test_no_turn_is_a_complaint(bus):
    _, ending = run(verb_of("turn", "--turn", "7"), whole(bus, TURN))
    assert ending.complaints == ["no sign of turn 7"]


def test_of_a_recording_a_turn_is_shown_whose_beginning_it_does_not_have(bus):
    bus.clock.advance_ms(1_000)
    _, *rest = whole(bus, TURN)
    shown, ending = run(verb_of("turn", "--from", "night.mcap"), rest)
    assert [row["turn"] for row in rows(shown)] == [TURN]
    assert ending.complaints == []


def test_a_turn_that_was_under_way_before_is_not_taken_for_a_whole_one(bus):
    bus.clock.advance_ms(1_000)
    earlier, later = whole(bus, TURN), whole(bus, TURN + 1_000)
    shown, _ = run(verb_of("turn"), [*earlier, *later])
    assert [row["turn"] for row in rows(shown)] == [TURN + 1_000]
    shown, _ = run(verb_of("turn", "--turn", TURN), [*earlier, *later])
    assert [row["turn"] for row in rows(shown)] == [TURN]
