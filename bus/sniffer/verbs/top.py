"""`top`: the live board: nodes, sessions, the turn being played, and the busiest topics."""

import argparse
from collections.abc import Iterable

from bus.sniffer.levels import Levels
from bus.sniffer.measures import Measures, window_s
from bus.sniffer.output import Column, Output, Row, Table, finite, number, shown_bytes
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb
from bus.topics import NODES

N_TOPICS = 10
"""Busiest topics shown."""

NODE_COLUMNS = (
    Column("node", "node"),
    Column("state", "state"),
    number("lease s", "seconds_left", 1),
    number("up s", "uptime_s"),
    number("lag ms", "loop_lag_ms"),
    number("stale", "dropped_stale"),
    number("refused", "decode_errors"),
    number("missed", "gaps"),
    number("fenced", "fenced"),
    Column("code", "code"),
    Column("detail", "detail", is_cut=True),
)

SESSION_COLUMNS = (
    Column("session", "session", is_cut=True),
    Column("sink", "sink", is_cut=True),
    Column("phase", "phase", is_cut=True),
    Column("active turn", "active", is_number=True),
    number("played ms", "played_ms"),
    number("buffer ms", "buffered_ms"),
    number("dry", "underruns"),
    number("late", "late"),
    number("deficit", "deficit"),
)
"""As many as fit into 100 columns of a terminal; floors and leases are on the board of `watch-control`."""

TOPIC_COLUMNS = (
    Column("topic", "topic"),
    number("hz", "hz", 1),
    Column("bytes/s", "bytes_per_s", shown_bytes, is_number=True),
    number("p99 ms", "delay_p99_ms", 2),
    number("age ms", "age_ms"),
    number("missing", "gaps"),
)


class Top(Verb):
    """Everything that matters at a glance, each second."""

    name = "top"
    summary = "live board: nodes, sessions, turn, rates"
    example = "bus-sniffer top"
    repeats = True
    is_snapshot = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._measures = Measures(window_s(options.recording))
        self._levels = Levels()
        self._seen: set[str] = set()

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        self._measures.observe(tapped)
        self._levels.observe(tapped)
        if tapped.topic.startswith("report.health."):
            self._seen.add(tapped.header.src)
        return ()

    def report(self, now_ns: int) -> Iterable[Output]:
        yield Table("nodes", NODE_COLUMNS, self._nodes(now_ns))
        yield Table("sessions", SESSION_COLUMNS, self._sessions(now_ns))
        yield Table("busiest topics", TOPIC_COLUMNS, self._topics(now_ns))

    def complaint(self, now_ns: int) -> str:
        lost = [row["node"] for row in self._nodes(now_ns) if row["state"] == "lost"]
        return f"no sign of life any more: {', '.join(lost)}" if lost else ""

    def _nodes(self, now_ns: int) -> list[Row]:
        living = {held.src: held for held in self._levels.living("report.health.", now_ns)}
        rows: list[Row] = []
        for node in NODES:
            if node in living:
                held = living[node]
                rows.append({"kind": "node", "node": node, "seconds_left": held.seconds_left, **held.value})
            else:
                state = "lost" if node in self._seen else "no answer"
                rows.append({"kind": "node", "node": node, "state": state})
        return rows

    def _sessions(self, now_ns: int) -> list[Row]:
        turns = {h.session: h.value for h in self._levels.living("control.turn", now_ns)}
        playouts = {h.session: h.value for h in self._levels.living("report.playout.", now_ns)}
        return [
            {
                "kind": "session",
                "session": held.session,
                "seconds_left": held.seconds_left,
                **held.value,
                **turns.get(held.session, {}),
                **playouts.get(held.session, {}),
            }
            for held in self._levels.living("control.session.", now_ns)
        ]

    def _topics(self, now_ns: int) -> list[Row]:
        rows: list[Row] = [
            {
                "kind": "topic",
                "topic": topic,
                "hz": finite(measure.rate(now_ns).hz),
                "bytes_per_s": finite(measure.rate(now_ns).bytes_per_s),
                "delay_p99_ms": finite(measure.delay_ms(99)),
                "age_ms": finite(measure.age_ms(now_ns)),
                "gaps": measure.gaps,
            }
            for topic, measure in self._measures.topics.items()
        ]
        return sorted(rows, key=lambda row: -(row["hz"] or 0))[:N_TOPICS]
