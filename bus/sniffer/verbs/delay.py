"""`delay`: time from send to receipt."""

from bus.sniffer.measures import TopicMeasure
from bus.sniffer.output import Row, finite, number
from bus.sniffer.verbs.rates import RateVerb


class Delay(RateVerb):
    """Percentiles of the newest 2,000 messages; a flow's includes the wait for its reader."""

    name = "delay"
    summary = "time from send to receipt: p50, p95, p99"
    example = "bus-sniffer delay flow. --for 10s --expect 'flow.token delay_p99_ms<5'"
    title = "ms from send to receipt, newest 2,000 messages"
    columns = (
        number("p50 ms", "p50_ms", 2),
        number("p95 ms", "p95_ms", 2),
        number("p99 ms", "p99_ms", 2),
        number("messages", "count"),
    )

    def row(self, measure: TopicMeasure, now_ns: int) -> Row:
        percents = {f"p{p}_ms": finite(measure.delay_ms(p)) for p in (50, 95, 99)}
        return {**percents, "count": measure.count}
