"""Every metric, declared once: name, kind, labels, meaning. Pure; the text format is the backend's matter.

Names follow the Prometheus conventions: base units, `_total` for what only grows. A counter taken from a
process's own figures falls to 0 with that process, which `rate()` expects.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Upper bounds; 2 s is the promise for the first sound, 5 s a defect."""

DURATION_BUCKETS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
"""Upper bounds for whole turns."""


class Kind(StrEnum):
    """How a metric behaves."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One row of the table."""

    name: str
    kind: Kind
    doc: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _of_processes() -> list[Metric]:
    gauge, counter, process = Kind.GAUGE, Kind.COUNTER, ("process",)
    return [
        Metric("miku_process_up", gauge, "1 while the process's health is heard, else 0.", process),
        Metric("miku_process_state", gauge, "1 for the state it says it is in.", ("process", "state")),
        Metric("miku_process_health_age_seconds", gauge, "Since its newest health was sent.", process),
        Metric("miku_process_uptime_seconds", gauge, "Since it started.", process),
        Metric("miku_process_restarts_total", counter, "New process ids seen since the gateway started.",
               process),
        Metric("miku_process_loop_lag_seconds", gauge, "Worst delay of its event loop in the last second.",
               process),
        Metric("miku_process_stale_messages_total", counter, "Messages of dead turns it dropped.", process),
        Metric("miku_process_decode_errors_total", counter, "Messages it refused.", process),
        Metric("miku_process_gaps_total", counter, "Messages it missed.", process),
        Metric("miku_process_fenced_total", counter, "Messages of older incarnations it dropped.", process),
    ]  # fmt: skip


def _of_turns() -> list[Metric]:
    gauge, counter, histogram, sink = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM, ("sink",)
    return [
        Metric("miku_sessions_active", gauge, "Sessions in which she can speak now.", sink),
        Metric("miku_sessions_started_total", counter, "Sessions that became active.", sink),
        Metric("miku_sessions_ended_total", counter, "Sessions that were active and ended.", sink),
        Metric("miku_sessions_failed_total", counter, "Sessions refused or lost, by error code.",
               ("sink", "code")),
        Metric("miku_turns_in_progress", gauge, "Turns being answered now."),
        Metric("miku_turns_total", counter, "Turns that ended: `done`, `cut` or `failed`.", ("outcome",)),
        Metric("miku_turn_failures_total", counter, "Failures that processes reported, by error code.",
               ("process", "code")),
        Metric("miku_prompt_to_first_token_seconds", histogram, "From the prompt to the model's first token.",
               (), LATENCY_BUCKETS_S),
        Metric("miku_prompt_to_first_piece_seconds", histogram,
               "From the prompt to the first speakable piece.", (), LATENCY_BUCKETS_S),
        Metric("miku_prompt_to_first_audio_seconds", histogram,
               "From the prompt to the first frame of the voice.", (), LATENCY_BUCKETS_S),
        Metric("miku_prompt_to_first_frame_seconds", histogram,
               "From the prompt to the first frame that was played.", (), LATENCY_BUCKETS_S),
        Metric("miku_turn_duration_seconds", histogram, "From the prompt to the end of its turn.", (),
               DURATION_BUCKETS_S),
    ]  # fmt: skip


def _of_the_house() -> list[Metric]:
    gauge, counter = Kind.GAUGE, Kind.COUNTER
    sink, feature, topic = ("sink",), ("feature",), ("topic",)
    return [
        # sound
        Metric("miku_frames_sent_total", counter, "Frames of 20 ms with sound that left.", sink),
        Metric("miku_frames_nulled_total", counter, "Frames of silence in place of missing sound.", sink),
        Metric("miku_frames_late_total", counter, "Frames more than 20 ms behind their deadline.", sink),
        Metric("miku_underruns_total", counter, "Times a turn ran dry.", sink),
        Metric("miku_buffered_seconds", gauge, "Sound that waits in the sink.", sink),
        Metric("miku_frames_deficit", gauge, "Frames that should have left and did not.", sink),
        Metric("miku_frame_gap_p99_seconds", gauge, "Gap between frames that 99 % do not exceed.", sink),
        Metric("miku_frame_gap_max_seconds", gauge, "Longest gap between frames.", sink),
        Metric("miku_frames_refused_total", counter,
               "Frames not played: `stale`, `doubled`, `missed` or `overflowed`.", ("sink", "reason")),
        # the house
        Metric("miku_text_queue_length", gauge, "Text messages that wait for the end of the session."),
        Metric("miku_text_queue_oldest_seconds", gauge, "Age of the oldest of them, 0 for none."),
        Metric("miku_feature_open", gauge, "1 while the feature may work, else 0.", feature),
        Metric("miku_feature_in_service", gauge, "0 while a service of it is missing, else 1.", feature),
        Metric("miku_feature_closed_seconds_total", counter, "Time it stood back.", feature),
        # requests and the bus
        Metric("miku_requests_total", counter,
               "Requests from the browser and the command line; the code is empty when accepted.",
               ("code",)),
        Metric("miku_bus_messages_total", counter, "Messages the gateway took from the bus.", topic),
        Metric("miku_bus_bytes_total", counter, "Their bytes.", topic),
        # browsers
        Metric("miku_browser_connections", gauge, "Open connections, by route: `/ws`, `/ws/chat`, `/watch`.",
               ("route",)),
        Metric("miku_browser_refused_total", counter, "Requests refused at the door, by HTTP status.",
               ("status",)),
        Metric("miku_watch_dropped_total", counter, "Readers of `/watch` dropped for taking nothing."),
    ]  # fmt: skip


METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*_of_processes(), *_of_turns(), *_of_the_house())
}


@dataclass
class Distribution:
    """What a histogram has seen."""

    counts: list[int]
    """Per bucket, not cumulative; the last is beyond all bounds."""
    total: float = 0.0


class Figures:
    """The present value of every metric; labels are given in the table's order."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        self._distributions: dict[str, dict[tuple[str, ...], Distribution]] = {}

    def put(self, name: str, value: float, *labels: str) -> None:
        """Set a value."""
        self._row(name, labels)
        self._values.setdefault(name, {})[labels] = value

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add to a value; what falls is left out, since a counter never does."""
        self._row(name, labels)
        values = self._values.setdefault(name, {})
        values[labels] = values.get(labels, 0.0) + max(0.0, value)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """One more observation of a histogram."""
        row = self._row(name, labels)
        empty = Distribution([0] * (len(row.buckets) + 1))
        seen = self._distributions.setdefault(name, {}).setdefault(labels, empty)
        seen.counts[bisect_left(row.buckets, value)] += 1
        seen.total += value

    def clear(self, name: str) -> None:
        """Forget a metric's values, before they are set anew: who is gone must not be shown."""
        self._values.pop(name, None)

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Labels → value."""
        return dict(self._values.get(name, {}))

    def distributions(self, name: str) -> Iterator[tuple[tuple[str, ...], Distribution]]:
        """(labels, distribution) of a histogram; one without labels is there from the start."""
        row = METRICS[name]
        seen = self._distributions.get(name, {})
        if not row.labels and not seen:
            seen = {(): Distribution([0] * (len(row.buckets) + 1))}
        yield from seen.items()

    def _row(self, name: str, labels: tuple[str, ...]) -> Metric:
        row = METRICS[name]
        assert len(labels) == len(row.labels), name
        return row


def table() -> str:
    """The metrics as the document shows them."""
    head = "| metric | kind | labels | meaning |\n|---|---|---|---|"
    rows = [
        f"| `{m.name}` | {m.kind} | {', '.join(f'`{label}`' for label in m.labels) or '-'} | {m.doc} |"
        for m in METRICS.values()
    ]
    return "\n".join([head, *rows])
