"""`hz`: messages a second, and how regular they are."""

from bus.sniffer.measures import TopicMeasure
from bus.sniffer.output import Row, finite, number
from bus.sniffer.verbs.rates import RateVerb


class Hz(RateVerb):
    """Times between messages are those of the newest 2,000."""

    name = "hz"
    summary = "messages a second, and how regular"
    example = "bus-sniffer hz flow.audio --for 10s --expect 'flow.audio.discord_voice hz>=49'"
    title = "messages a second: the last 5 s, or all of a recording"
    columns = (
        number("hz", "hz", 1),
        number("shortest ms", "shortest_ms", 1),
        number("longest ms", "longest_ms", 1),
        number("deviation ms", "deviation_ms", 1),
        number("messages", "count"),
        number("missing", "gaps"),
    )

    def row(self, measure: TopicMeasure, now_ns: int) -> Row:
        shortest, longest, deviation = measure.interval_ms()
        return {
            "hz": finite(measure.rate(now_ns).hz),
            "shortest_ms": finite(shortest),
            "longest_ms": finite(longest),
            "deviation_ms": finite(deviation),
            "count": measure.count,
            "gaps": measure.gaps,
        }
