import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.floor import Floors
from bus.messages import Phase, SessionState

pytestmark = pytest.mark.unit


def state(phase: Phase = Phase.ACTIVE, since_ms: int = 100) -> SessionState:
    return SessionState("discord_voice", phase, since_ms, 1)


@pytest.mark.parametrize(
    ("phase", "alive"),
    [(Phase.STARTING, True), (Phase.ACTIVE, True), (Phase.STOPPING, False), (Phase.IDLE, False)],
)
def test_turns_live_in_a_starting_or_active_session_only(phase, alive):
    assert Floors().is_live("s", 100, state(phase)) is alive


def test_no_turn_lives_in_a_lost_session():
    assert not Floors().is_live("s", 100, None)


def test_a_turn_of_before_the_session_is_dead():
    assert not Floors().is_live("s", 99, state())


def test_raising_the_floor_kills_what_lies_below_it_in_that_session_alone():
    floors = Floors()
    floors.raise_to("s", 200)
    assert not floors.is_live("s", 199, state())
    assert floors.is_live("s", 200, state())
    assert floors.is_live("other", 199, state())


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_a_floor_never_falls(values):
    floors = Floors()
    seen = []
    for value in values:
        floors.raise_to("s", value)
        seen.append(floors.floor("s"))
    assert seen == sorted(seen)
    assert seen[-1] == max(values)


def test_floors_of_sessions_that_are_gone_are_forgotten():
    floors = Floors()
    floors.raise_to("a", 5)
    floors.raise_to("b", 5)
    floors.keep({"b"})
    assert (floors.floor("a"), floors.floor("b")) == (0, 5)
