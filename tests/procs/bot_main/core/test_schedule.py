from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.schedule import (
    Job,
    When,
    clock_time,
    month_day,
    moved,
    next_ms,
    nonce,
    told,
    waking,
    weekly,
)

pytestmark = pytest.mark.unit

BERLIN, SAMOA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
ZONES = st.sampled_from([UTC, BERLIN, SAMOA, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])
DAILY = st.builds(When, st.integers(0, 23), st.integers(0, 59))
WEEKLY = st.builds(When, st.integers(0, 23), st.integers(0, 59), weekday=st.integers(0, 6))
YEARLY = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda d: When(9, 0, month=d.month, day=d.day))
TIMES = st.integers(1_600_000_000_000, 2_200_000_000_000)


def ms(zone, *parts, fold=0):
    return round(datetime(*parts, tzinfo=zone, fold=fold).timestamp() * 1000)


@given(DAILY | WEEKLY | YEARLY, ZONES, TIMES)
def test_the_next_time_is_the_first_one_after_and_on_its_day(when, zone, after):
    found = next_ms(when, after, zone)
    longest = 400 if when.month else 15 if when.weekday is not None else 3
    assert after < found <= after + longest * 86_400_000
    local = datetime.fromtimestamp(found / 1000, zone)
    if local.replace(fold=0).astimezone(UTC).astimezone(zone).replace(fold=0) == local.replace(fold=0) and (
        local.hour, local.minute
    ) == (when.hour, when.minute):  # fmt: skip
        assert when.on(local.date())
    assert next_ms(when, found - 1, zone) == found, "asked again a moment earlier, it is the same"


@given(DAILY, ZONES, TIMES)
def test_a_daily_job_comes_once_each_day_whatever_the_clock_does(when, zone, after):
    days = []
    for _ in range(10):
        after = next_ms(when, after, zone)
        days.append(datetime.fromtimestamp(after / 1000, zone).date())
    # Samoa had no 30 December 2011; none of the tested years skips a day.
    assert [(b - a).days for a, b in pairwise(days)] == [1] * 9


def test_a_post_is_too_late_after_six_hours_and_a_wake_up_never():
    post, wakeup = (Job("a", kind, 1, 10, When(9, 0), next_ms=1_000) for kind in ("post", "wakeup"))
    after_ms = 1_000 + 6 * 3_600_000
    assert [post.is_too_late(ms) for ms in (0, after_ms, after_ms + 1)] == [False, False, True]
    assert not wakeup.is_too_late(10**14)


def test_a_time_that_spring_skips_comes_as_much_later():
    found = next_ms(When(2, 30), ms(BERLIN, 2026, 3, 28, 12), BERLIN)
    assert found == ms(BERLIN, 2026, 3, 29, 3, 30)
    assert next_ms(When(2, 30), found, BERLIN) == ms(BERLIN, 2026, 3, 30, 2, 30)


def test_a_time_that_comes_twice_in_autumn_is_due_once():
    first = next_ms(When(2, 30), ms(BERLIN, 2026, 10, 24, 12), BERLIN)
    assert first == ms(BERLIN, 2026, 10, 25, 2, 30, fold=0)
    assert next_ms(When(2, 30), first, BERLIN) == ms(BERLIN, 2026, 10, 26, 2, 30)


def test_nine_in_the_morning_is_nine_in_the_morning_in_summer_and_winter():
    when = When(9, 0, weekday=0)
    at, hours = ms(UTC, 2026, 1, 1), set()
    for _ in range(60):
        at = next_ms(when, at, BERLIN)
        hours.add(datetime.fromtimestamp(at / 1000, BERLIN).hour)
    assert hours == {9}


def test_a_birthday_on_the_29th_of_february_is_never_left_out():
    when = When(9, 0, month=2, day=29)
    assert next_ms(when, ms(UTC, 2027, 1, 1), UTC) == ms(UTC, 2027, 2, 28, 9)
    assert next_ms(when, ms(UTC, 2028, 1, 1), UTC) == ms(UTC, 2028, 2, 29, 9)


def test_what_people_type():
    assert clock_time("23:05") == time(23, 5)
    assert clock_time("9:00") == time(9)
    assert [clock_time(t) for t in ("24:00", "12:60", "12", "noon", "")] == [None] * 5
    assert month_day("02-29") == (2, 29)
    assert [month_day(t) for t in ("02-30", "13-01", "0-1", "1/2", "")] == [None] * 5
    assert weekly("fri 18:00 New video: https://v/1") == (When(18, 0, weekday=4), "New video: https://v/1")
    assert weekly("Wednesday 7:30 hi") == (When(7, 30, weekday=2), "hi")
    assert [weekly(t) for t in ("t 18:00 x", "someday 18:00 x", "fri 25:00 x", "fri 18:00", "")] == [None] * 5
    assert waking(time(23, 0)) == time(7, 0)
    assert [told(w) for w in (When(9, 5), When(9, 5, weekday=6), When(9, 0, month=3, day=9))] == [
        "every day 09:05", "Sunday 09:05", "03-09 09:00",
    ]  # fmt: skip


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{1,2}[:-][0-9]{1,2}", fullmatch=True))
def test_any_text_is_a_time_as_it_is_written_or_none(text):
    at, day = clock_time(text), month_day(text)
    assert at is None or [at.hour, at.minute] == [int(number) for number in text.split(":")]
    assert day is None or [*day] == [int(number) for number in text.split("-")]
    assert weekly(f"fri {text} x") == (at and (When(at.hour, at.minute, weekday=4), "x"))


JOB = Job("post-1-1", "post", 1, 10, When(18, 0, weekday=4), text="hi")


def test_a_job_survives_being_kept_and_another_shape_is_none():
    assert Job.of(JOB.document()) == JOB
    broken = [
        {},
        {"when": 3},
        {**JOB.document(), "kind": "exec"},
        {**JOB.document(), "when": {"hour": 99, "minute": 0}},
    ]
    assert [Job.of(document) for document in broken] == [None] * len(broken)


def test_its_words_are_in_no_log():
    assert "hi" not in repr(JOB).replace("which", "")


def test_the_nonce_is_of_job_and_time():
    assert nonce(JOB, 5) == nonce(moved(JOB, 0, UTC), 5) != nonce(JOB, 6)
    assert len(nonce(JOB, 5)) == 20
