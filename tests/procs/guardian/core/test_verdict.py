import pytest

from bus.messages import NodeState
from procs.guardian.core.budget import Standing
from procs.guardian.core.verdict import (
    Attention,
    Patience,
    Program,
    Sign,
    alarm,
    is_frozen,
    silence,
)

pytestmark = pytest.mark.unit

PATIENCE = Patience(silence_s=5, loading_silence_s=30)
RUNNING = Program("tts_bridge", "RUNNING", 42)


def verdict(
    sign: Sign | None, now_s: float, program: Program = RUNNING, attentive_since_s: float = 0.0
) -> bool:
    silence_s = silence(program, 0.0, sign, attentive_since_s, now_s)
    return is_frozen(program, sign, silence_s, PATIENCE, deaf=False)


@pytest.mark.parametrize(
    ("state", "silence_s", "frozen"),
    [
        (NodeState.READY, 4.9, False),
        (NodeState.READY, 5.1, True),
        (NodeState.DEGRADED, 5.1, True),
        (NodeState.STOPPING, 5.1, True),
        (NodeState.LOADING, 5.1, False),
        (NodeState.LOADING, 30.1, True),
        (NodeState.STARTING, 29.9, False),
        (NodeState.STARTING, 30.1, True),
    ],
)
def test_patience_depends_on_what_the_process_said_last(
    state: NodeState, silence_s: float, frozen: bool
) -> None:
    assert verdict(Sign(42, state, heard_s=100), now_s=100 + silence_s) is frozen


@pytest.mark.parametrize("state", ["STARTING", "BACKOFF", "EXITED", "STOPPING", "STOPPED", "FATAL"])
def test_only_running_processes_are_judged(state: str) -> None:
    program = Program("tts_bridge", state, 42)
    assert not verdict(Sign(42, NodeState.READY, heard_s=0), now_s=1_000, program=program)


def test_the_signs_of_an_earlier_process_do_not_count() -> None:
    of_predecessor = Sign(41, NodeState.READY, heard_s=0)
    assert not verdict(of_predecessor, now_s=59)
    assert verdict(of_predecessor, now_s=61)


def test_a_process_that_never_spoke_is_replaced_after_a_minute() -> None:
    assert not verdict(None, now_s=59)
    assert verdict(None, now_s=61)


def test_a_judge_who_hears_nobody_blames_nobody() -> None:
    assert not is_frozen(RUNNING, None, 1_000, PATIENCE, deaf=True)


def test_a_judge_who_was_away_begins_anew() -> None:
    attention = Attention(0)
    for now_s in (0.5, 1.0, 1.5):
        attention.tick(now_s)
    assert attention.since_s == 0
    attention.tick(40.0)
    assert attention.since_s == 40.0
    old = Sign(42, NodeState.READY, heard_s=1.5)
    assert not verdict(old, now_s=44.0, attentive_since_s=attention.since_s)
    assert verdict(old, now_s=45.1, attentive_since_s=attention.since_s)


def test_the_alarm_names_who_rests_and_until_when() -> None:
    standings = [("bot_main", Standing.FREE, 0.0), ("tts_server", Standing.RESTING, 250.0)]
    assert alarm(standings, 10.0) == (
        NodeState.DEGRADED,
        "process_resting",
        "tts_server rests, next try in 240 s",
    )
    assert alarm([("bot_main", Standing.TRIAL, 0.0)], 10.0) == (NodeState.READY, "", "")
