import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.profile_picture import (
    CHANGES,
    WINDOW_MS,
    Worn,
    choose,
    of_mood,
    wait_ms,
    wanted_mood,
)

pytestmark = pytest.mark.unit

NAMES = ("default.png", "happy1.png", "Happy2.jpg", "shy.gif")
HOUR_MS = 3_600_000


def test_pictures_of_a_mood_or_of_none_in_particular():
    assert of_mood(NAMES, "happy") == ["Happy2.jpg", "happy1.png"]
    assert of_mood(NAMES, "bubbly") == ["default.png"]
    assert of_mood(("shy.gif",), "bubbly") == []


@given(st.sets(st.sampled_from(["a1.png", "a2.png", "a3.png", "b.png"])), st.floats(0, 1, exclude_max=True))
def test_never_the_same_twice_in_a_row_where_there_is_a_choice(names, chance):
    chosen = choose(sorted(names), "a", "a1.png", chance)
    of_it = of_mood(sorted(names), "a")
    assert chosen in of_it or (chosen == "" and not of_it)
    assert chosen != "a1.png" or of_it == ["a1.png"]


@given(st.lists(st.integers(0, 5 * WINDOW_MS), max_size=40))
def test_never_more_than_two_attempts_in_ten_minutes(steps):
    now, tried, made = 10**12, (), []
    for step in steps:
        now += step
        if wait_ms(tried, now) == 0:
            made.append(now)
            tried = (*tried, now)[-CHANGES:]
    assert all(later - earlier >= WINDOW_MS for earlier, later in zip(made, made[CHANGES:], strict=False))


def test_after_the_wait_a_change_is_allowed_and_not_before():
    tried = (1_000_000, 1_060_000)
    wait = wait_ms(tried, 1_100_000)
    assert wait == 1_000_000 + WINDOW_MS - 1_100_000
    assert wait_ms(tried, 1_100_000 + wait) == 0
    assert wait_ms(tried, 1_100_000 + wait - 1) == 1


def test_a_clock_that_steps_back_costs_one_window_at_most():
    tried = (10**13, 10**13)
    assert wait_ms(tried, 1_000_000) == WINDOW_MS


def test_a_wish_comes_before_the_mood_and_the_mood_before_the_schedule():
    worn = Worn("happy1.png", "happy", since_ms=0)
    assert wanted_mood(worn, "happy", 6 * HOUR_MS, HOUR_MS) == ""
    assert wanted_mood(worn, "shy", 6 * HOUR_MS, HOUR_MS) == "shy"
    assert wanted_mood(worn, "happy", 6 * HOUR_MS, 6 * HOUR_MS) == "happy"
    assert wanted_mood(worn, "happy", 0, 10**9) == "", "0 = as long as the mood lasts"
    assert wanted_mood(Worn(mood="happy", wish="shy"), "happy", 0, 0) == "shy"


@given(
    st.builds(
        Worn, name=st.text(), mood=st.text(), since_ms=st.integers(), wish=st.text(),
        tried_ms=st.lists(st.integers(), max_size=CHANGES).map(tuple),
    )
)  # fmt: skip
def test_what_is_worn_survives_being_kept(worn):
    assert Worn.of(worn.document()) == worn


def test_a_document_of_another_kind_counts_as_never_set():
    assert Worn.of(None) == Worn()
    assert Worn.of({"tried_ms": ["x"], "since_ms": "y"}) == Worn()
