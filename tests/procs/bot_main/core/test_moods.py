from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.moods import (
    MOODS,
    NICKNAME_CHARS,
    SERVER_MS,
    Feeling,
    feeling_line,
    nickname,
    turned,
)

pytestmark = pytest.mark.unit


def test_a_mood_lasts_for_its_time_and_another_one_follows():
    feeling = turned(Feeling(), 1_000, SERVER_MS, 0.5)
    assert feeling == Feeling("neutral", 1_000 + SERVER_MS)
    assert turned(feeling, SERVER_MS, SERVER_MS, 0.5) == feeling
    after = turned(feeling, 1_000 + SERVER_MS, SERVER_MS, 0.5)
    assert after.name != "neutral"
    assert after.until_ms == 1_000 + 2 * SERVER_MS


def test_a_wall_clock_that_was_stepped_back_freezes_no_mood():
    assert turned(Feeling("happy", 10 * SERVER_MS), 0, SERVER_MS, 0.5).until_ms == SERVER_MS


def test_moods_come_by_their_weights():
    n_draws = 10_000
    drawn = Counter(turned(Feeling("serious", 1), 10, SERVER_MS, n / n_draws).name for n in range(n_draws))
    total = sum(mood.weight for mood in MOODS if mood.name != "serious")
    for mood in MOODS:
        expected = 0 if mood.name == "serious" else n_draws * mood.weight / total
        assert abs(drawn[mood.name] - expected) <= 1


@given(st.one_of(st.none(), st.dictionaries(st.sampled_from(("name", "until_ms")), st.one_of(
    st.none(), st.text(), st.integers(), st.floats(), st.lists(st.integers())))))  # fmt: skip
def test_whatever_stands_on_the_shelf_is_a_feeling(document):
    feeling = Feeling.of(document)
    assert feeling_line("Miku", feeling.name).startswith("Miku is currently feeling: ")
    assert Feeling.of(feeling.document) == feeling


def test_nicknames_fit_and_show_the_mood():
    assert nickname("Miku", "asleep", is_evil=False) == "Miku💤"
    assert nickname("Miku", "neutral", is_evil=True) == "Evil Miku"
    assert all(len(nickname("M" * 40, mood.name, is_evil=True)) <= NICKNAME_CHARS for mood in MOODS)
    assert feeling_line("Miku", "no such mood") == ""
