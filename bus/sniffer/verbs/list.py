"""`list`: every topic, whether its writer lives, and what is really sent."""

import argparse
from collections.abc import Iterable

from bus.sniffer.arguments import is_meant, require_topic
from bus.sniffer.levels import Levels
from bus.sniffer.measures import Measures, window_s
from bus.sniffer.output import Column, Output, Row, Table, finite, number, shown_bytes
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb
from bus.topics import TOPICS, Pattern, Topic

COLUMNS = (
    Column("topic", "topic"),
    Column("pattern", "pattern"),
    Column("writer", "writer"),
    Column("alive", "alive"),
    number("declared hz", "declared_hz", 1),
    number("hz", "hz", 1),
    Column("bytes/s", "bytes_per_s", shown_bytes, is_number=True),
    number("age ms", "age_ms"),
    number("missing", "gaps"),
)


class List(Verb):
    """One look of two seconds at the whole list of topics."""

    name = "list"
    summary = "all topics: writer alive?, rates, ages, gaps"
    example = "bus-sniffer list --json"
    is_snapshot = True
    default_for_s = 2.0

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._topics = tuple(require_topic(name) for name in options.topics)
        self._measures = Measures(window_s(options.recording))
        self._levels = Levels()
        self._seen: set[str] = set()

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("topics", nargs="*", metavar="TOPIC", help="a topic or the beginning of some")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return (*self._topics, "report.health.") if self._topics else ()

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        self._measures.observe(tapped)
        self._levels.observe(tapped)
        if tapped.topic.startswith("report.health."):
            self._seen.add(tapped.header.src)
        return ()

    def report(self, now_ns: int) -> Iterable[Output]:
        living = self._living(now_ns)
        rows = [self._row(row, living, now_ns) for row in TOPICS.values() if is_meant(row.name, self._topics)]
        yield Table("topics", COLUMNS, rows)

    def complaint(self, now_ns: int) -> str:
        lost = sorted(self._seen - self._living(now_ns))
        return f"no sign of life any more: {', '.join(lost)}" if lost else ""

    def _living(self, now_ns: int) -> set[str]:
        return {held.src for held in self._levels.living("report.health.", now_ns)}

    def _row(self, row: Topic, living: set[str], now_ns: int) -> Row:
        measure = self._measures.of(row.name)
        rate = measure.rate(now_ns)
        n_held = len(self._levels.living(row.name, now_ns)) if row.pattern is Pattern.STATE else 0
        return {
            "kind": "topic",
            "topic": row.name,
            "pattern": row.pattern.value,
            "writer": ", ".join(row.writers),
            "alive": _alive(row, living, self._seen),
            "declared_hz": n_held * 1000 / row.period_ms if n_held else None,
            "hz": finite(rate.hz),
            "bytes_per_s": finite(rate.bytes_per_s),
            "age_ms": finite(measure.age_ms(now_ns)),
            "gaps": measure.gaps,
        }


def _alive(row: Topic, living: set[str], seen: set[str]) -> str:
    """`yes`, `lost` (was there and is gone), `no` (never answered), `-` where people's tools write."""
    if row.pattern is Pattern.REQUEST:
        return "-"
    if living & set(row.writers):
        return "yes"
    return "lost" if seen & set(row.writers) else "no"
