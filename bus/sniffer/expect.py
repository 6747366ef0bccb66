"""Expectations: `flow.audio.discord_voice hz>=49` as data. A fixed grammar, never evaluated as code. Pure.

EXPECTATION = TOPIC METRIC OPERATOR NUMBER
TOPIC       = a topic, or the beginning of some: then each one heard must comply
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from bus.sniffer.arguments import UsageError, is_meant, nearest, require_topic
from bus.sniffer.measures import Measures, TopicMeasure

METRICS: dict[str, Callable[[TopicMeasure, int], float]] = {
    "hz": lambda measure, now_ns: measure.rate(now_ns).hz,
    "bw": lambda measure, now_ns: measure.rate(now_ns).bytes_per_s,
    "count": lambda measure, now_ns: measure.count,
    "age_ms": lambda measure, now_ns: measure.age_ms(now_ns),
    "gaps": lambda measure, now_ns: measure.gaps,
    "delay_p99_ms": lambda measure, now_ns: measure.delay_ms(99),
}
"""What can be expected of a topic; a measure without a value (nan) meets no expectation."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}

_GRAMMAR = re.compile(r"\s*([\w.]+)\s+([a-z]\w*)\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Judgement:
    """What became of an expectation."""

    expectation: str
    topic: str
    measured: float
    is_met: bool


@dataclass(frozen=True)
class Expectation:
    """One condition on the measures of a topic."""

    topic: str
    metric: str
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.topic} {self.metric}{self.operator}{self.bound:g}"

    def judge(self, measures: Measures, now_ns: int) -> list[Judgement]:
        """One judgement for each topic meant; an expectation of a topic never heard is judged as well."""
        heard = [name for name in measures.topics if is_meant(name, (self.topic,))]
        return [self._judge(name, measures.of(name), now_ns) for name in heard or [self.topic]]

    def _judge(self, topic: str, measure: TopicMeasure, now_ns: int) -> Judgement:
        measured = METRICS[self.metric](measure, now_ns)
        is_met = not math.isnan(measured) and OPERATORS[self.operator](measured, self.bound)
        return Judgement(str(self), topic, measured, is_met)


def parse(text: str) -> Expectation:
    """An expectation from its text.

    Raises:
        UsageError: it does not follow the grammar, or names an unknown topic or metric.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--expect {text!r} can't be read: write TOPIC METRIC OPERATOR NUMBER, "
            "like 'flow.audio.discord_voice hz>=49'"
        )
    topic, metric, sign, bound = match.groups()
    if metric not in METRICS:
        raise UsageError(f"--expect: unknown metric {metric!r}; {nearest(metric, METRICS)}")
    return Expectation(require_topic(topic), metric, sign, float(bound))
