"""`echo`: every message as it comes."""

import argparse
from collections.abc import Iterable

from bus.sniffer.arguments import require_topic
from bus.sniffer.output import Output
from bus.sniffer.render import message_line
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb, require_content
from bus.stats import Gaps


class Echo(Verb):
    """Messages of some topics, one line each; gaps are shown where they are."""

    name = "echo"
    summary = "show messages as they come"
    example = "bus-sniffer echo control. --count 5"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._topics = tuple(require_topic(name) for name in options.topics)
        self._gaps = Gaps()
        self._n_shown = 0
        if options.raw:
            require_content(options, "--raw shows every byte")

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("topics", nargs="*", metavar="TOPIC", help="a topic or the beginning of some")
        parser.add_argument("--field", action="append", default=[], metavar="A.B", help="only this field")
        parser.add_argument("--session", default="", help="only messages of this session")
        parser.add_argument("--turn", type=int, default=0, help="only messages of this turn")
        parser.add_argument("--full", action="store_true", help="every field on its own line, nothing cut")
        parser.add_argument("--raw", action="store_true", help="the body's bytes in hexadecimal")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self._topics

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        missed = self._gaps.observe(tapped.topic, tapped.header)
        if not self._is_wanted(tapped):
            return
        self._n_shown += 1
        options = self.options
        yield message_line(
            tapped,
            with_content=options.show_content,
            fields=tuple(options.field),
            is_full=options.full,
            is_raw=options.raw,
            missed=missed,
        )

    def complaint(self, now_ns: int) -> str:
        asked = " or ".join(self._topics) or "any topic"
        return "" if self._n_shown else f"no message of {asked} came"

    def _is_wanted(self, tapped: Tapped) -> bool:
        header, options = tapped.header, self.options
        return options.session in ("", header.session) and options.turn in (0, header.turn)
