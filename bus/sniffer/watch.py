"""One run of an observing verb: what it hears, when it is over, how it went. Pure.

The runner brings messages and time, from the bus or from a recording, and shows what comes back.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

from bus.errors import DecodeError
from bus.sniffer.arguments import is_meant
from bus.sniffer.expect import Expectation, Judgement
from bus.sniffer.measures import Measures, window_s
from bus.sniffer.output import Line, Output, finite, shown_number
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb

SNAPSHOT_S = 2.0
"""One look: two periods of every level, so that rates mean something."""

EXPECT_S = 5.0
"""Time given to expectations when none is said: the window of all rates."""


@dataclass(frozen=True)
class Ending:
    """How it went."""

    outputs: list[Output]
    complaints: list[str]


class Watch:
    """Feeds one verb. Time starts with the first message: before it, nobody has answered."""

    def __init__(
        self, verb: Verb, options: argparse.Namespace, expectations: tuple[Expectation, ...] = ()
    ) -> None:
        self._verb = verb
        self._expectations = expectations
        self._measures = Measures(window_s(options.recording))
        self._for_s = _duration(verb, options, expectations)
        self._count = _count(verb, options)
        self._n_counted = 0
        self.started_ns = 0
        """When the first message was received; 0 before it."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What to subscribe to: the verb's topics, those of expectations, and any sign of life."""
        if not self._verb.prefixes:
            return ("",)
        return (*self._verb.prefixes, *(e.topic for e in self._expectations), "report.health.")

    @property
    def repeats(self) -> bool:
        """Whether each second's report stands for itself."""
        return self._verb.repeats

    @property
    def is_answered(self) -> bool:
        """Whether any node was heard."""
        return self.started_ns > 0

    def hear(self, tapped: Tapped) -> list[Output]:
        """Take a message in; returns what is to be shown at once."""
        self.started_ns = self.started_ns or tapped.received_mono_ns
        self._measures.observe(tapped)
        if not is_meant(tapped.topic, self._verb.prefixes):
            return []
        try:
            outputs = list(self._verb.observe(tapped))
        except DecodeError as error:
            text = f"a message of {tapped.topic} by {tapped.header.src} can't be read: {error}"
            outputs = [Line(text, {"kind": "undecodable", "topic": tapped.topic, "reason": str(error)})]
        return self._counted(outputs)

    def tick(self, now_ns: int) -> list[Output]:
        """A second has passed."""
        outputs = list(self._verb.report(now_ns))
        if self._verb.repeats:
            self._n_counted += 1
            return outputs
        return self._counted(outputs)

    def is_over(self, now_ns: int) -> bool:
        """Whether time, count or the verb itself ends it."""
        is_late = self._for_s is not None and self.is_answered
        return (
            self._verb.is_done
            or (self._count is not None and self._n_counted >= self._count)
            or (is_late and now_ns - self.started_ns >= (self._for_s or 0) * 1e9)
        )

    def end(self, now_ns: int) -> Ending:
        """The last report, and what is wrong."""
        has_reported = self._verb.repeats and self._n_counted > 0 and self._for_s is None
        outputs: list[Output] = [] if has_reported else list(self._verb.end(now_ns))
        complaints = [self._verb.complaint(now_ns)]
        for expectation in self._expectations:
            for judgement in expectation.judge(self._measures, now_ns):
                outputs.append(_judgement_line(judgement))
                complaints.append("" if judgement.is_met else f"not met: {judgement.expectation}")
        return Ending(outputs, list(filter(None, complaints)))

    def _counted(self, outputs: Iterable[Output]) -> list[Output]:
        """Lines up to the number asked for; tables do not count."""
        kept: list[Output] = []
        for output in outputs:
            if isinstance(output, Line):
                if self._count is not None and self._n_counted >= self._count:
                    continue
                self._n_counted += 1
            kept.append(output)
        return kept


def _duration(verb: Verb, options: argparse.Namespace, expectations: tuple[Expectation, ...]) -> float | None:
    if options.for_s is not None:
        return float(options.for_s)
    if options.recording:
        return None
    if options.once and verb.is_snapshot:
        return SNAPSHOT_S
    if expectations and options.count is None and not options.once:
        return EXPECT_S
    return verb.default_for_s


def _count(verb: Verb, options: argparse.Namespace) -> int | None:
    if options.once and not verb.is_snapshot:
        return 1
    return options.count if options.count is None else int(options.count)


def _judgement_line(judgement: Judgement) -> Line:
    sign = "ok " if judgement.is_met else "BAD"
    measured = shown_number(judgement.measured, 2)
    return Line(
        f"{sign} {judgement.expectation}: {judgement.topic} has {measured}",
        {
            "kind": "expectation",
            "expectation": judgement.expectation,
            "topic": judgement.topic,
            "measured": finite(judgement.measured),
            "is_met": judgement.is_met,
        },
    )
