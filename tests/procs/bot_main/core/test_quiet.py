"""Quiet hours: what people write, and which minutes lie within."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core import quiet

pytestmark = pytest.mark.unit

MINUTES = st.integers(0, quiet.DAY_MINUTES - 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00-07:00", (1320, 420)),
        ("22-7", (1320, 420)),
        (" 9:30 to 10 ", (570, 600)),
        ("0:00 \u2013 24:00", None),
        ("0-24", None),
        ("13-24", (780, 0)),
        ("24:30-7", None),
        ("22", None),
        ("7-22-8", None),
        ("٢٢-٧", None),
        ("none", None),
    ],
)
def test_people_write_hours_in_several_ways(text: str, value: tuple[int, ...] | None):
    assert quiet.parsed(text) == value


@given(MINUTES, MINUTES)
def test_what_is_shown_can_be_written(begin: int, end: int):
    hours = (begin, end)
    if quiet.fits(hours):
        assert quiet.parsed(quiet.shown(hours)) == hours
    else:
        assert begin == end


@given(MINUTES, MINUTES, MINUTES)
def test_a_minute_is_quiet_by_these_hours_or_by_those_turned_round(begin: int, end: int, minute: int):
    if begin != end:
        assert quiet.is_quiet((begin, end), minute) != quiet.is_quiet((end, begin), minute)
        assert quiet.is_quiet((begin, end), begin)
        assert not quiet.is_quiet((begin, end), end)
    assert not quiet.is_quiet((), minute)
