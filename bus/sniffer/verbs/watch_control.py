"""`watch-control`: where Miku should be and is, which turns live, who holds which lease."""

import argparse
from collections.abc import Iterable

from bus.errors import CODES, sentence
from bus.interface import Change
from bus.sniffer.levels import Levels, Value
from bus.sniffer.output import Column, Line, Output, Row, Table, number, shown_time
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb

SUMMARY = {
    "control.intent": ("wanted", "sink", "revision", "requested_by"),
    "control.session.": ("phase", "revision", "refusal", "reason"),
    "control.turn": ("floor", "active"),
    "report.health.": ("state", "code", "applied"),
}
"""What of each level is shown; only a change of these is worth a line."""


class WatchControl(Verb):
    """A line for each change, and a table of what lives with the seconds left of each lease."""

    name = "watch-control"
    summary = "intents, sessions, floors, leases, refusals"
    example = "bus-sniffer watch-control --once"
    is_snapshot = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._levels = Levels()
        self._wall_minus_mono_ns = 0

    @property
    def prefixes(self) -> tuple[str, ...]:
        return tuple(SUMMARY)

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        self._levels.observe(tapped)
        self._wall_minus_mono_ns = tapped.received_wall_ns - tapped.received_mono_ns
        return self._news(tapped.received_mono_ns)

    def report(self, now_ns: int) -> Iterable[Output]:
        yield from self._news(now_ns)
        rows = [
            {
                "kind": "level",
                "topic": held.topic,
                "session": held.session,
                "writer": held.src,
                "seconds_left": None if held.seconds_left is None else round(held.seconds_left, 1),
                "value": _summary(held.topic, held.value),
            }
            for prefix in SUMMARY
            for held in self._levels.living(prefix, now_ns)
        ]
        yield Table("living levels", COLUMNS, rows)

    def _news(self, now_ns: int) -> list[Output]:
        wall_ns = now_ns + self._wall_minus_mono_ns
        lines = [change_line(wall_ns, topic, change) for topic, change in self._levels.changes(now_ns)]
        return [line for line in lines if line is not None]


def change_line(wall_ns: int, topic: str, change: Change[Value]) -> Line | None:
    """A change as a line; None when nothing of the summary changed."""
    old = _summary(topic, change.old or {})
    new = _summary(topic, change.new or {})
    if old == new:
        return None
    data: Row = {
        "kind": "change",
        "wall_ns": wall_ns,
        "topic": topic,
        "session": change.session,
        "writer": change.src,
        "old": old if change.old else None,
        "new": new if change.new else None,
    }
    where = " ".join(filter(None, (shown_time(wall_ns), topic, change.session, f"by {change.src}:")))
    return Line(f"{where} {_difference(change, old, new)}", data)


def _difference(change: Change[Value], old: Value, new: Value) -> str:
    if change.new is None:
        return f"LOST, its lease is over; it was {_pairs(old)}"
    if change.old is None:
        return _pairs(new) + _refusal(new)
    changed = {
        key: f"{_shown(old.get(key))} → {_shown(item)}" for key, item in new.items() if old.get(key) != item
    }
    return _pairs(changed) + _refusal({key: new[key] for key in changed})


def _refusal(changed: Value) -> str:
    """The sentence of a code that has just appeared, so that nobody must look it up."""
    codes = [str(changed.get(key)) for key in ("refusal", "reason", "code")]
    code = next((code for code in codes if code in CODES), None)
    return f"  ({sentence(code)})" if code else ""


def _summary(topic: str, value: Value) -> Value:
    keys = next(keys for prefix, keys in SUMMARY.items() if topic.startswith(prefix))
    return {key: value[key] for key in keys if key in value}


def _pairs(value: Value) -> str:
    return " ".join(f"{key}={_shown(item)}" for key, item in value.items() if item not in ("", {}))


def _shown(item: object) -> str:
    match item:
        case bool():
            return "yes" if item else "no"
        case dict():
            return ",".join(f"{key}:{of_key}" for key, of_key in item.items())
    return str(item)


COLUMNS = (
    Column("topic", "topic"),
    Column("session", "session"),
    Column("writer", "writer"),
    number("lease s", "seconds_left", 1),
    Column("value", "value", _pairs),
)
