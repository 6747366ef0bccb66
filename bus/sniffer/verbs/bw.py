"""`bw`: bytes a second, and the size of messages."""

from bus.sniffer.measures import TopicMeasure
from bus.sniffer.output import Column, Row, finite, number, shown_bytes
from bus.sniffer.verbs.rates import RateVerb


class Bw(RateVerb):
    """All three parts of a message count, the encryption around them does not."""

    name = "bw"
    summary = "bytes a second, and the size of messages"
    example = "bus-sniffer bw flow. --once"
    title = "bytes a second: the last 5 s, or all of a recording"
    columns = (
        Column("bytes/s", "bytes_per_s", shown_bytes, is_number=True),
        Column("newest message", "n_bytes", shown_bytes, is_number=True),
        number("messages", "count"),
    )

    def row(self, measure: TopicMeasure, now_ns: int) -> Row:
        return {
            "bytes_per_s": finite(measure.rate(now_ns).bytes_per_s),
            "n_bytes": measure.last.n_bytes if measure.last else 0,
            "count": measure.count,
        }
