"""What `hz`, `bw` and `delay` have in common: a table with one row for each topic heard."""

import argparse
from collections.abc import Iterable
from typing import ClassVar

from bus.sniffer.arguments import require_topic
from bus.sniffer.measures import Measures, TopicMeasure, window_s
from bus.sniffer.output import Column, Output, Row, Table
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb


class RateVerb(Verb):
    """A reading each second; subclasses say which values of a measure make a row."""

    repeats = True
    is_snapshot = True
    title: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._topics = tuple(require_topic(name) for name in options.topics)
        self._measures = Measures(window_s(options.recording))

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("topics", nargs="*", metavar="TOPIC", help="a topic or the beginning of some")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self._topics

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        self._measures.observe(tapped)
        return ()

    def report(self, now_ns: int) -> Iterable[Output]:
        rows = [
            {"kind": self.name, "topic": topic, **self.row(measure, now_ns)}
            for topic, measure in sorted(self._measures.topics.items())
        ]
        yield Table(self.title, (Column("topic", "topic"), *self.columns), rows)

    def complaint(self, now_ns: int) -> str:
        asked = " or ".join(self._topics) or "any topic"
        return "" if self._measures.topics else f"no message of {asked} came"

    def row(self, measure: TopicMeasure, now_ns: int) -> Row:
        """The values of one topic, which was heard at least once."""
        raise AssertionError("each table has its own")
