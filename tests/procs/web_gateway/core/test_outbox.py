import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.web_gateway.core.outbox import SOUND_LIMIT, TEXT_LIMIT, Outbox
from procs.web_gateway.core.rate import Patience, Rate
from procs.web_gateway.core.vitals import DEAD_MS, INACTIVE_MS, PING_MS, Vitals

pytestmark = pytest.mark.unit


@given(st.lists(st.sampled_from(["text", "sound", "drop", "take"]), max_size=200))
def test_order_is_kept_and_sound_is_dropped_without_an_event(acts):
    outbox, waiting = Outbox(), []
    for n_put, act in enumerate(acts):
        if act == "text":
            assert outbox.put_text(f"{n_put}")
            waiting.append(f"{n_put}")
        elif act == "sound":
            outbox.put_sound(b"%d" % n_put)
            waiting.append(b"%d" % n_put)
        elif act == "drop":
            assert outbox.drop_sound() == sum(isinstance(item, bytes) for item in waiting)
            waiting = [item for item in waiting if isinstance(item, str)]
        else:
            item = outbox.take()
            assert (item and (item.text or item.sound)) == (waiting.pop(0) if waiting else None)
    assert len(outbox) == len(waiting)


def test_limits():
    outbox = Outbox()
    for _ in range(SOUND_LIMIT):
        assert not outbox.is_full_of_sound
        outbox.put_sound(b"x")
    assert outbox.is_full_of_sound
    assert all(outbox.put_text("x") for _ in range(TEXT_LIMIT))
    assert not outbox.put_text("x")
    big = Outbox()
    assert sum(big.put_text("x" * 100_000) for _ in range(TEXT_LIMIT)) < 50


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 30)), max_size=60))
def test_a_rate_lets_no_more_through_than_its_burst_and_its_time(asked):
    rate, now_ms, taken = Rate(10, 20), 0, 0.0
    for wait_ms, units in asked:
        now_ms += wait_ms
        taken += units if rate.takes(units, now_ms) else 0
        assert taken <= 20 + now_ms / 100 + 1e-6


def test_patience_ends_when_something_comes_too_often():
    patience = Patience(3, 1_000)
    assert [patience.tried(ms) for ms in (0, 900, 1_100, 1_200, 3_000)] == [False, False, False, True, False]


def test_life_signs_by_the_clock():
    vitals = Vitals(0)
    assert [vitals.ping_due(ms) for ms in (0, PING_MS, PING_MS + 1, 2 * PING_MS)] == [
        False,
        True,
        False,
        True,
    ]
    assert not vitals.is_dead(DEAD_MS, answers_pings=False)
    assert vitals.is_dead(DEAD_MS, answers_pings=True)
    vitals.played(30_000)
    assert not vitals.is_inactive(INACTIVE_MS)
    assert vitals.is_inactive(30_000 + INACTIVE_MS)
    vitals.came(100_000)
    assert not vitals.is_dead(100_000 + DEAD_MS - 1, answers_pings=True)
