"""Jobs by the clock: the table of kinds, when each is due next, what people type. Pure.

A job is due at a wall time of its guild's zone. A time that the zone skips in spring is due as much later
as the clock jumps; one that comes twice in autumn is due the first time only. 29 February is the 28th in
other years. Zones come in as arguments.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

HOUR_S = 3_600
JOBS_PER_GUILD = 20
"""Weekly posts; birthdays have a limit of their own."""
BIRTHDAYS_PER_GUILD = 500
TEXT_CHARS = 1_500
SLEEP = timedelta(hours=8)
"""How long a night is if nothing else is said."""
SLEEP_MS = round(SLEEP.total_seconds() * 1000)
GREETED_AT = time(9, 0)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Kind:
    """One kind of job."""

    name: str
    title: str
    grace_s: int | None
    """Later than this it is skipped: nobody wants yesterday's greeting. None = never too late."""
    is_single: bool = False
    """One per guild at most."""


KINDS: dict[str, Kind] = {kind.name: kind for kind in (
    Kind("post", "Weekly post", 6 * HOUR_S),
    Kind("bedtime", "Bedtime", 2 * HOUR_S, is_single=True),
    Kind("wakeup", "Wake-up", None, is_single=True),
    Kind("birthday", "Birthday", 12 * HOUR_S),
)}  # fmt: skip
"""THE list. What a kind does is a method of its name in `features/schedule.py`."""


@dataclass(frozen=True)
class When:
    """A time that comes again: each day, on a weekday, or once a year."""

    hour: int
    minute: int
    weekday: int | None = None
    """0 = Monday."""
    month: int | None = None
    day: int | None = None

    def on(self, day: date) -> bool:
        """Whether it comes on a day."""
        if self.weekday is not None:
            return day.weekday() == self.weekday
        if self.month is None:
            return True
        is_leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
        wanted = 28 if (self.month, self.day) == (2, 29) and not is_leap else self.day
        return (day.month, day.day) == (self.month, wanted)


@dataclass(frozen=True)
class Job:
    """Something to be done by the clock."""

    id: str
    kind: str
    guild_id: int
    channel_id: int
    when: When
    next_ms: int = 0
    """Wall ms at which it is due."""
    user_id: int = 0
    text: str = field(default="", repr=False)

    @property
    def grace_s(self) -> int | None:
        """How late it may be done."""
        return KINDS[self.kind].grace_s

    def is_too_late(self, now_ms: int) -> bool:
        """Whether it is due, and nobody wants it any more."""
        return self.grace_s is not None and now_ms - self.next_ms > 1_000 * self.grace_s

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**self.__dict__, "when": dict(self.when.__dict__)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Job | None":
        """From `document()`; None for what no version of this table could have written."""
        try:
            job = cls(**{**document, "when": When(**document["when"])})
            time(job.when.hour, job.when.minute)
            is_whole = isinstance(job.next_ms, int) and isinstance(job.text, str)
            return job if job.kind in KINDS and is_whole else None
        except (TypeError, ValueError, KeyError):
            return None


def next_ms(when: When, after_ms: int, zone: tzinfo) -> int:
    """The first time after a time, in wall ms."""
    day = datetime.fromtimestamp(after_ms / 1000, zone).date() - timedelta(days=1)
    for n in range(2 + 366):
        there = day + timedelta(days=n)
        if when.on(there) and (found := _wall_ms(there, when, zone)) > after_ms:
            return found
    raise AssertionError("every day of a year was looked at")


def _wall_ms(day: date, when: When, zone: tzinfo) -> int:
    """A skipped time is taken with the offset before the jump, so that it lies after it."""
    local = datetime.combine(day, time(when.hour, when.minute), zone)
    return round(local.astimezone(UTC).timestamp() * 1000)


def nonce(job: Job, due_ms: int) -> str:
    """The same for the same job and time; 20 characters."""
    return "j" + hashlib.sha256(f"{job.id}\n{due_ms}".encode()).hexdigest()[:19]


# --- what people type ---------------------------------------------------------------------------------

_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_DATE = re.compile(r"(\d{1,2})-(\d{1,2})")


def clock_time(text: str) -> time | None:
    """`HH:MM`; None if it is something else."""
    found = _TIME.fullmatch(text.strip())
    try:
        return time(int(found[1]), int(found[2])) if found else None
    except ValueError:
        return None


def month_day(text: str) -> tuple[int, int] | None:
    """`MM-DD`, 02-29 included; None if it is something else."""
    found = _DATE.fullmatch(text.strip())
    try:
        there = date(2024, int(found[1]), int(found[2])) if found else None
    except ValueError:
        return None
    return (there.month, there.day) if there else None


def weekly(text: str) -> tuple[When, str] | None:
    """`<weekday> <HH:MM> <text>`; weekdays by their first three letters or more."""
    words = text.split(maxsplit=2)
    if len(words) < 3 or len(words[0]) < 3:
        return None
    days = [n for n, name in enumerate(DAYS) if name.startswith(words[0].lower())]
    at = clock_time(words[1])
    if len(days) != 1 or at is None:
        return None
    return When(at.hour, at.minute, weekday=days[0]), words[2].strip()


def waking(bedtime: time) -> time:
    """When a night ends that nobody gave an end."""
    return (datetime.combine(date(2024, 1, 1), bedtime) + SLEEP).time()


def told(when: When) -> str:
    """A time for people."""
    at = f"{when.hour:02}:{when.minute:02}"
    if when.weekday is not None:
        return f"{DAYS[when.weekday].capitalize()} {at}"
    return f"{when.month:02}-{when.day:02} {at}" if when.month else f"every day {at}"


def moved(job: Job, now_ms: int, zone: tzinfo) -> Job:
    """The job with its next time from now on."""
    return replace(job, next_ms=next_ms(job.when, now_ms, zone))


GOODNIGHTS = (
    "🌙 I'm off to bed. Good night, everyone!",
    "🌙 My eyes won't stay open... good night!",
    "🌙 Bedtime! See you tomorrow, sweet dreams!",
)
BIRTHDAYS = (
    "🎂 Happy birthday, {name}! 🎶",
    "🎉 It's {name}'s birthday today! Have a wonderful day!",
    "🎂 {name}, this song is for you: happy birthday! 🎶",
)


def line(lines: tuple[str, ...], seed: int, name: str = "") -> str:
    """One of several lines; the same for the same seed."""
    return lines[seed % len(lines)].replace("{name}", name)
