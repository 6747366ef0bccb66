"""`doctor`: what is in a recording, and what of it is damaged or lost."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bus.sniffer.files import require_readable
from bus.sniffer.measures import Measures
from bus.sniffer.output import Column, Line, Output, Row, Table, number, shown_bytes, shown_time
from bus.sniffer.recording import Recording
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import FileVerb

COLUMNS = (
    Column("topic", "topic"),
    number("messages", "messages"),
    Column("bytes", "bytes", shown_bytes, is_number=True),
    number("hz", "hz", 1),
    number("missing", "gaps"),
    number("starts of its writer", "starts"),
)


@dataclass
class _Contents:
    """What a recording holds, added up."""

    measures: Measures = field(default_factory=Measures)
    n_bytes: dict[str, int] = field(default_factory=dict)
    boots: dict[str, set[int]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    turns: set[int] = field(default_factory=set)
    first_ns: int = 0
    last_ns: int = 0
    count: int = 0

    def add(self, tapped: Tapped) -> None:
        self.measures.observe(tapped)
        self.n_bytes[tapped.topic] = self.n_bytes.get(tapped.topic, 0) + tapped.n_bytes
        self.boots.setdefault(tapped.topic, set()).add(tapped.header.boot)
        self.sessions |= {tapped.header.session} - {""}
        self.turns |= {tapped.header.turn} - {0}
        self.first_ns = self.first_ns or tapped.received_wall_ns
        self.last_ns = tapped.received_wall_ns
        self.count += 1

    @property
    def duration_s(self) -> float:
        return (self.last_ns - self.first_ns) / 1e9

    def row(self, topic: str) -> Row:
        measure = self.measures.of(topic)
        return {
            "kind": "topic",
            "topic": topic,
            "messages": measure.count,
            "bytes": self.n_bytes[topic],
            "hz": round(measure.count / self.duration_s, 1) if self.duration_s else None,
            "gaps": measure.gaps,
            "starts": len(self.boots[topic]),
        }


class Doctor(FileVerb):
    """Reads the whole file, also one that was cut off or damaged."""

    name = "doctor"
    summary = "what is inside a recording, damaged or lost"
    example = "bus-sniffer doctor night.mcap"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        require_readable(options.file)
        self._complaint = ""

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.mcap", help="recording to look at")

    def run(self) -> Iterable[Output]:
        recording, contents = Recording(Path(self.options.file)), _Contents()
        for tapped in recording.messages():
            contents.add(tapped)
        n_missing = sum(measure.gaps for measure in contents.measures.topics.values())
        yield _overview(recording, contents, n_missing)
        yield Table("topics", COLUMNS, [contents.row(topic) for topic in sorted(contents.n_bytes)])
        for damage in recording.damages:
            yield Line(f"DAMAGED  {damage}", {"kind": "damage", "text": damage})
        if recording.damages:
            self._complaint = f"{self.options.file} is not whole; what could be read is shown above"
        elif n_missing:
            self._complaint = (
                f"{n_missing} messages are missing: the recorder was too slow, or a writer was cut"
            )

    def complaint(self) -> str:
        return self._complaint


def _overview(recording: Recording, contents: _Contents, n_missing: int) -> Line:
    state = "damaged" if recording.damages else "whole"
    content = "with content" if recording.has_content else "content blanked"
    text = (
        f"{recording.file}: {state}, {content}\n"
        f"{contents.count:,} messages in {contents.duration_s:.1f} s "
        f"({shown_time(contents.first_ns)} to {shown_time(contents.last_ns)}), {n_missing} missing, "
        f"{len(contents.sessions)} sessions, {len(contents.turns)} turns"
    )
    data: Row = {
        "kind": "recording",
        "file": str(recording.file),
        "state": state,
        "content": recording.has_content,
        "messages": contents.count,
        "missing": n_missing,
        "duration_s": round(contents.duration_s, 3),
        "sessions": sorted(contents.sessions),
        "turns": sorted(contents.turns),
    }
    return Line(text, data)
