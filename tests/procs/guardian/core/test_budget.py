import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.guardian.core.budget import Budget, Limits, Order, Standing

pytestmark = pytest.mark.unit

LIMITS = Limits(starts=5, window_s=60, retry_s=300)


def crash_at_once(budget: Budget, at_s: float) -> Order:
    """One round of a crash loop in which supervisord waits before it starts again."""
    budget.started(at_s, asked=False)
    return budget.ended(at_s, at_once=False)


def test_the_fifth_crash_within_a_minute_sends_a_process_to_rest() -> None:
    budget = Budget(LIMITS)
    orders = [crash_at_once(budget, at_s) for at_s in (0, 1, 3, 6, 10)]
    assert orders == [Order.NONE] * 4 + [Order.STOP]
    assert budget.standing is Standing.RESTING


def test_a_start_that_supervisord_makes_at_once_counts_before_it_is_seen() -> None:
    budget = Budget(LIMITS)
    for at_s in (0, 5, 10):
        budget.started(at_s, asked=False)
        assert budget.ended(at_s + 4, at_once=True) is Order.NONE
    budget.started(15, asked=False)
    assert budget.ended(19, at_once=True) is Order.STOP
    assert budget.started(19, asked=False) is Order.STOP, "the fifth start is undone on sight"


def test_crashes_far_apart_never_exhaust_the_budget() -> None:
    budget = Budget(LIMITS)
    assert all(crash_at_once(budget, 20.0 * n) is Order.NONE for n in range(1_000))


def test_a_resting_process_is_tried_once_per_five_minutes() -> None:
    budget = Budget(LIMITS)
    for at_s in (0, 1, 3, 6, 10):
        crash_at_once(budget, at_s)
    starts = 0
    for at_s in range(11, 11 + 3600):
        if budget.passed(at_s) is Order.START:
            starts += 1
            budget.started(at_s, asked=True)
            assert budget.ended(at_s + 0.5, at_once=False) is Order.STOP
    assert starts == 11


def test_a_process_that_lives_through_a_window_has_its_whole_budget_again() -> None:
    budget = Budget(LIMITS)
    for at_s in (0, 1, 3, 6, 10):
        crash_at_once(budget, at_s)
    assert budget.passed(310) is Order.START
    budget.started(310, asked=True)
    standings = []
    for at_s in (369, 371):
        assert budget.passed(at_s) is Order.NONE
        standings.append(budget.standing)
    assert standings == [Standing.TRIAL, Standing.FREE]
    assert budget.left(371) == LIMITS.starts


def test_mended_settings_end_the_rest_at_once() -> None:
    budget = Budget(LIMITS)
    for at_s in (0, 1, 3, 6, 10):
        crash_at_once(budget, at_s)
    assert budget.mended(12) is Order.START
    assert budget.mended(12) is Order.NONE


def test_mended_settings_leave_a_healthy_process_alone() -> None:
    budget = Budget(LIMITS)
    budget.started(0, asked=False)
    assert budget.mended(1) is Order.NONE
    assert budget.left(1) == 4


def test_what_supervisord_gave_up_on_is_tried_again() -> None:
    budget = Budget(LIMITS)
    assert budget.gave_up(0) is Order.NONE
    assert budget.passed(299) is Order.NONE
    assert budget.passed(300) is Order.START


def test_a_person_may_start_a_resting_process() -> None:
    budget = Budget(LIMITS)
    budget.gave_up(0)
    assert budget.started(5, asked=True) is Order.NONE
    assert budget.standing is Standing.TRIAL


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 30),
            st.sampled_from(["start", "asked", "end", "end at once", "fatal", "mended", "pass"]),
        ),
        max_size=200,
    )
)
def test_whatever_happens_no_window_sees_more_starts_than_allowed_without_a_stop(
    steps: list[tuple[float, str]],
) -> None:
    budget, now_s = Budget(LIMITS), 0.0
    unpunished: list[float] = []
    for pause_s, step in steps:
        now_s += pause_s
        if step in ("start", "asked"):
            order = budget.started(now_s, asked=step == "asked")
            if order is not Order.STOP:
                unpunished.append(now_s)
        elif step in ("end", "end at once"):
            if budget.ended(now_s, at_once=step == "end at once") is Order.STOP:
                unpunished.clear()
            assert sum(now_s - start_s < LIMITS.window_s for start_s in unpunished) <= LIMITS.starts
        elif step == "fatal":
            budget.gave_up(now_s)
            unpunished.clear()
        elif step == "mended":
            budget.mended(now_s)
        else:
            budget.passed(now_s)
