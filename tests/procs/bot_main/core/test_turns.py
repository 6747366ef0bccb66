"""Numbers only grow, the floor never falls, and prompts run in the order in which they were asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import TurnKind
from procs.bot_main.core.running import Asked, Outcome, Patience
from procs.bot_main.core.turns import Turns

pytestmark = pytest.mark.unit

PATIENCE = Patience(first_token_ms=70_000, progress_ms=25_000, turn_ms=600_000)
DONE = Outcome(TurnKind.DONE)
FAILED = Outcome(TurnKind.FAILED, "llm_failed")
SINCE_MS = 1_790_000_000_000


def ask(turns: Turns, wall_ms: int, text: str = "hello") -> Asked | None:
    return turns.ask(wall_ms, Asked(0, "request", "Ann", text))


def test_a_turn_lies_above_the_start_of_its_session_even_if_the_clock_stepped_back():
    turns = Turns(SINCE_MS, max_waiting=8)
    asked = ask(turns, SINCE_MS - 3_600_000)
    assert asked is not None
    assert asked.turn == SINCE_MS + 1


def test_a_turn_is_the_wall_clock_when_that_has_moved_on():
    turns = Turns(SINCE_MS, max_waiting=8)
    asked = ask(turns, SINCE_MS + 5_000)
    assert asked is not None
    assert asked.turn == SINCE_MS + 5_000


def test_one_prompt_runs_and_the_next_begins_when_it_has_ended():
    turns = Turns(SINCE_MS, max_waiting=8)
    first, second = ask(turns, SINCE_MS + 1), ask(turns, SINCE_MS + 2)
    running = turns.start(0, PATIENCE)
    assert running is not None
    assert running.asked is first
    assert turns.start(0, PATIENCE) is None
    turns.end(DONE)
    running = turns.start(0, PATIENCE)
    assert running is not None
    assert running.asked is second


def test_a_prompt_that_is_to_be_answered_again_comes_first_in_a_turn_that_lives():
    turns = Turns(SINCE_MS, max_waiting=8)
    first, second = ask(turns, SINCE_MS + 1), ask(turns, SINCE_MS + 9)
    turns.start(0, PATIENCE)
    turns.end(FAILED)
    assert first is not None
    assert second is not None
    assert turns.again(first)
    again, then = turns.waiting
    assert (again.text, then) == (first.text, second)
    assert turns.floor <= again.turn < then.turn <= turns.issued


def test_where_no_number_is_left_between_two_prompts_nothing_is_put_there():
    turns = Turns(SINCE_MS, max_waiting=8)
    first, second = ask(turns, SINCE_MS + 1), ask(turns, SINCE_MS + 1)
    turns.start(0, PATIENCE)
    turns.end(FAILED)
    assert first is not None
    assert not turns.again(first)
    assert list(turns.waiting) == [second]


def test_the_ninth_waiting_prompt_is_not_accepted():
    turns = Turns(SINCE_MS, max_waiting=8)
    ask(turns, SINCE_MS)
    turns.start(0, PATIENCE)
    accepted = [ask(turns, SINCE_MS) for _ in range(9)]
    assert [a is not None for a in accepted] == [True] * 8 + [False]
    assert turns.n_before == 9


def test_a_cut_kills_what_runs_and_what_waits_but_not_what_comes():
    turns = Turns(SINCE_MS, max_waiting=8)
    first, second = ask(turns, SINCE_MS + 10), ask(turns, SINCE_MS + 11)
    turns.start(0, PATIENCE)
    assert turns.cut() == [second]
    turns.end(Outcome(TurnKind.CUT))
    later = ask(turns, SINCE_MS + 5)
    assert first is not None
    assert second is not None
    assert later is not None
    assert first.turn < second.turn < turns.floor <= later.turn


def test_the_rest_of_a_failed_turn_is_dead_and_those_that_wait_are_not():
    turns = Turns(SINCE_MS, max_waiting=8)
    first, second = ask(turns, SINCE_MS + 10), ask(turns, SINCE_MS + 11)
    turns.start(0, PATIENCE)
    turns.end(FAILED)
    assert first is not None
    assert second is not None
    assert first.turn < turns.floor <= second.turn


def test_a_turn_that_was_heard_to_its_end_leaves_the_floor_alone():
    turns = Turns(SINCE_MS, max_waiting=8)
    ask(turns, SINCE_MS + 10)
    turns.start(0, PATIENCE)
    turns.end(DONE)
    assert turns.floor == SINCE_MS


def test_an_unknown_turn_in_flight_is_waited_for():
    turns = Turns(SINCE_MS, max_waiting=8)
    turns.notice(SINCE_MS + 500, in_flight=True, now_ms=0, patience=PATIENCE)
    ask(turns, SINCE_MS)
    assert turns.running is not None
    assert turns.running.turn == SINCE_MS + 500
    assert turns.start(0, PATIENCE) is None
    assert turns.waiting[0].turn == SINCE_MS + 501


@pytest.mark.parametrize("outcome", [DONE, FAILED])
def test_a_turn_that_is_over_is_not_taken_up_again(outcome: Outcome):
    turns = Turns(SINCE_MS, max_waiting=8)
    asked = ask(turns, SINCE_MS + 5)
    assert asked is not None
    turns.start(0, PATIENCE)
    turns.end(outcome)
    turns.notice(asked.turn, in_flight=True, now_ms=0, patience=PATIENCE)
    assert turns.running is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(-10_000_000, 10_000_000)),
        st.tuples(st.just("start"), st.none()),
        st.tuples(st.just("end"), st.sampled_from([DONE, FAILED])),
        st.tuples(st.just("cut"), st.none()),
        st.tuples(st.just("notice"), st.integers(0, 10_000)),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_numbers_grow_and_the_floor_never_falls_under_stepping_clocks_and_restarts(steps):
    turns = Turns(SINCE_MS, max_waiting=8)
    last, floor, order = SINCE_MS, SINCE_MS, []
    for step, value in steps:
        if step == "ask" and (asked := ask(turns, SINCE_MS + value)):
            assert asked.turn > last
            assert asked.turn >= turns.floor
            last = asked.turn
        elif step == "start" and (running := turns.start(0, PATIENCE)):
            order.append(running.turn)
            assert running.turn >= turns.floor
        elif step == "end" and turns.running:
            turns.end(value)
        elif step == "cut":
            turns.cut()
            if turns.running:
                turns.end(Outcome(TurnKind.CUT))
        elif step == "notice":
            turns.notice(SINCE_MS + value, in_flight=False, now_ms=0, patience=PATIENCE)
            last = max(last, SINCE_MS + value)
        elif step == "restart":
            running = turns.running.asked if turns.running else None
            waiting = tuple(turns.waiting)
            turns = Turns(SINCE_MS, 8, floor=turns.floor, issued=turns.issued)
            turns.resume(running, waiting, 0, PATIENCE)
        assert turns.floor >= floor
        floor = turns.floor
    assert order == sorted(set(order))


def test_what_waits_by_a_message_runs_after_a_doubt_only_once_it_is_trusted():
    turns = Turns(0, 8)
    said = turns.ask(10, Asked(0, "said", channel_id=7))
    bare = turns.ask(10, Asked(0, "bare"))
    assert said is not None
    assert bare is not None
    assert turns.doubtful is None
    turns.doubt()
    assert turns.doubtful == said
    assert turns.start(0, PATIENCE) is None
    turns.trust(said)
    assert turns.doubtful is None
    running = turns.start(0, PATIENCE)
    assert running is not None
    assert running.asked == said
    turns.doubt()
    turns.end(DONE)
    assert turns.doubtful is None, "no message can have changed"
    again = turns.start(0, PATIENCE)
    assert again is not None
    assert again.asked == bare


def test_what_an_earlier_life_left_waiting_is_in_doubt_and_what_ran_is_not():
    turns = Turns(0, 8)
    running, waiting = Asked(5, "running", channel_id=7), Asked(6, "waiting", channel_id=7)
    turns.resume(running, [waiting], 0, PATIENCE)
    assert turns.doubtful is None
    turns.end(DONE)
    assert turns.doubtful == waiting
    turns.drop(waiting)
    assert turns.doubtful is None
