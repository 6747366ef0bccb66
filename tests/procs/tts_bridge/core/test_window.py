from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import PlayoutState
from procs.tts_bridge.core.window import Window

pytestmark = pytest.mark.unit

TURN = 1_000


def playing(played_ms: int, turn: int = TURN, sent: int = 0) -> PlayoutState:
    return PlayoutState(turn, played_ms, buffered_ms=0, finished_turn=0, sent=sent)


def test_a_window_is_open_until_it_is_full():
    window = Window(TURN, 4000)
    assert window.room_ms(0) == 4000
    assert window.room_ms(3980) == 20
    assert window.room_ms(4000) == 0


def test_what_was_heard_makes_room():
    window = Window(TURN, 4000)
    window.report(playing(500), 4000)
    assert window.room_ms(4000) == 500


@given(st.lists(st.integers(0, 60_000), min_size=1))
def test_only_the_newest_report_counts_so_lost_ones_heal(positions):
    every, last = Window(TURN, 4000), Window(TURN, 4000)
    for played_ms in sorted(positions):
        every.report(playing(played_ms), 60_000)
    last.report(playing(max(positions)), 60_000)
    assert every.room_ms(60_000) == last.room_ms(60_000)


def test_another_turns_position_is_not_ours():
    window = Window(TURN, 4000)
    window.report(playing(90_000, turn=TURN - 1), 4000)
    assert window.room_ms(4000) == 0


def test_a_sink_that_starts_anew_has_lost_what_it_held():
    window = Window(TURN, 4000)
    window.report(playing(1000, sent=500), 5000)
    assert window.room_ms(5000) == 0
    window.report(playing(0, turn=0, sent=0), 5000)
    assert window.room_ms(5000) == 4000


def test_a_sink_that_is_done_with_the_turn_is_not_waited_for():
    window = Window(TURN, 4000)
    window.report(replace(playing(200), finished_turn=TURN), 4000)
    assert window.room_ms(4000) > 0


def test_no_report_is_no_news():
    window = Window(TURN, 4000)
    window.report(playing(500), 4000)
    assert not window.report(None, 4000)
    assert window.room_ms(4000) == 500


def test_a_report_says_whether_the_sink_moves():
    window = Window(TURN, 4000)
    assert window.report(playing(500), 4000)
    assert not window.report(playing(500), 4000)
    assert window.report(playing(520), 4000)
