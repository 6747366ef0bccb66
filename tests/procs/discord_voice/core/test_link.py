import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import CODES
from procs.discord_voice.core.link import (
    BACKOFF_MAX_MS,
    OUTAGE_LIMIT_MS,
    ROWS,
    STABLE_MS,
    Event,
    Move,
    Policy,
    event_of,
)

pytestmark = pytest.mark.unit


def story(event, times=6, resumable=True):
    """What is done as an event happens again and again."""
    policy = Policy()
    steps = [policy.next(event, 1_000 * n, resumable=resumable) for n in range(times)]
    stop = next(n for n, step in enumerate(steps) if step.move is Move.STOP)
    return [step.move.value for step in steps[:stop]], steps[stop].error


@pytest.mark.parametrize(
    ("codes", "moves", "error"),
    [
        ([1000], ["renew", "renew"], "voice_lost"),
        ([1001, 1006, 3999], ["resume", "resume", "identify", "renew"], "voice_lost"),
        ([4015], ["resume", "resume", "identify", "renew"], "voice_lost"),
        ([4001, 4002, 4003, 4005, 4012, 4016, 4020], ["identify"] * 3, "voice_lost"),
        ([4004, 4006, 4009, 4011], ["renew"] * 3, "voice_lost"),
        ([4014, 4022], ["wait", "wait"], "voice_lost"),
        ([4017], [], "voice_dave_missing"),
        ([4021], [], "voice_rate_limited"),
        ([4018, 4999], ["renew", "renew"], "voice_lost"),
    ],
)
def test_each_close_code_is_treated_as_written(codes, moves, error):
    for code in codes:
        assert story(event_of(code)) == (moves, error), code


@pytest.mark.parametrize(
    ("event", "moves", "error"),
    [
        (Event.RESUME_REFUSED, ["identify"] * 3, "voice_lost"),
        (Event.UNANSWERED, ["identify", "renew", "renew"], "voice_lost"),
        (Event.NO_DISCOVERY, [], "voice_udp_blocked"),
        (Event.UDP_SILENT, ["identify", "identify"], "voice_udp_blocked"),
        (Event.NOTHING_CAME, ["identify", "renew", "renew"], "voice_lost"),
        (Event.NO_PAIR, ["renew"] * 3, "voice_lost"),
    ],
)
def test_each_other_event_is_treated_as_written(event, moves, error):
    assert story(event) == (moves, error)


def test_each_event_has_one_row_and_each_code_one_event():
    assert sorted(row.event for row in ROWS) == sorted(Event)
    codes = [code for row in ROWS for code in row.codes]
    assert len(set(codes)) == len(codes)
    assert {row.error for row in ROWS} <= set(CODES)


def test_without_a_session_nothing_is_resumed():
    assert story(Event.DROPPED, resumable=False)[0] == ["identify"] * 3 + ["renew"]


def test_a_first_resume_is_tried_at_once_and_what_follows_ever_later():
    policy = Policy()
    delays = [policy.next(event, 0, resumable=True).delay_ms for event in [Event.DROPPED] * 3]
    assert delays == [0, 200, 400]


def test_a_connection_that_stood_forgives_what_was_before():
    policy = Policy()
    for n in range(20):
        assert policy.next(Event.OUR_FAULT, n * 2 * STABLE_MS).move is Move.IDENTIFY
        policy.connected(n * 2 * STABLE_MS + 100)


def test_a_connection_that_falls_at_once_forgives_nothing():
    policy = Policy()
    moves = []
    for n in range(4):
        moves.append(policy.next(Event.OUR_FAULT, n * 1_000).move)
        policy.connected(n * 1_000 + 500)
    assert moves[-1] is Move.STOP


@given(st.lists(st.sampled_from(list(Event)), min_size=60, max_size=60), st.integers(0, 4_000))
def test_an_outage_always_ends(happenings, each_ms):
    policy = Policy()
    now_ms = 0
    for event in happenings:
        step = policy.next(event, now_ms, resumable=True)
        assert step.delay_ms <= max(BACKOFF_MAX_MS, OUTAGE_LIMIT_MS)
        if step.move is Move.STOP:
            assert step.error in CODES
            return
        now_ms += step.delay_ms + each_ms
        assert now_ms <= OUTAGE_LIMIT_MS + each_ms
        policy.connected(now_ms)
    raise AssertionError("it goes on for ever")
