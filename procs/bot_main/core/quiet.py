"""Quiet hours: two times of the day between which she is silent, across midnight too. Pure.

A value is `(from, to)` in minutes since midnight, or `()` for none.
"""

import re

HOURS = re.compile(
    r"([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?\s*(?:-|\u2013|\bto\b|\s)\s*([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?",
    re.ASCII | re.IGNORECASE,
)
DAY_MINUTES = 24 * 60


def parsed(text: str) -> tuple[int, ...] | None:
    """`22:00-07:00`, `22-7` and the like; None if it is nothing of that kind, or no time at all."""
    match = HOURS.fullmatch(text.strip())
    if match is None:
        return None
    begin, end = (60 * int(match[n]) + int(match[n + 1] or 0) for n in (1, 3))
    hours = begin % DAY_MINUTES, end % DAY_MINUTES
    return hours if fits(hours) and max(begin, end) <= DAY_MINUTES else None


def fits(hours: tuple[int, ...]) -> bool:
    """Whether it is a value."""
    return hours == () or (len(hours) == 2 and hours[0] != hours[1] and _in_a_day(hours))


def shown(hours: tuple[int, ...]) -> str:
    """As people write it."""
    return "-".join(clock(minute) for minute in hours) or "none"


def clock(minute: int) -> str:
    """A minute of the day, like `07:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def is_quiet(hours: tuple[int, ...], minute: int) -> bool:
    """Whether a minute of the day lies between the two, the first one included."""
    if not hours:
        return False
    begin, end = hours
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _in_a_day(hours: tuple[int, ...]) -> bool:
    return all(type(minute) is int and 0 <= minute < DAY_MINUTES for minute in hours)
