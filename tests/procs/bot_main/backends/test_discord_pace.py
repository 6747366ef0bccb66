"""How often a session may begin: 5 s between two, never 1,000 a day."""

import pytest

from procs.bot_main.backends.discord_pace import Pace

pytestmark = pytest.mark.unit


def test_only_what_is_left_of_five_seconds_is_waited() -> None:
    pace = Pace(5.0)
    assert pace.pause_s(0.0) == 0.0
    pace.note(0.0)
    assert (pace.pause_s(1.0), pace.pause_s(60.0)) == (4.0, 0.0)


def test_a_day_of_losses_stays_below_the_budget() -> None:
    pace, now_s, n = Pace(5.0), 0.0, 0
    while now_s < 86_400:
        now_s += pace.pause_s(now_s)
        pace.note(now_s)
        n += 1
    assert 900 < n < 1_000
