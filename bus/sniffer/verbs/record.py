"""`record`: everything that is heard, into an MCAP file."""

import argparse
from collections.abc import Iterable

from bus.sniffer.arguments import positive, require_topic
from bus.sniffer.files import create, require_free
from bus.sniffer.output import Line, Output, shown_bytes
from bus.sniffer.recording import Recorder
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb


class Record(Verb):
    """Text and sound are blanked (same size, no meaning) unless --show-content says otherwise."""

    name = "record"
    summary = "write what is heard into an MCAP file"
    example = "bus-sniffer record night.mcap --for 10m"
    is_snapshot = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        require_free(options.file)
        self._topics = tuple(require_topic(name) for name in options.topics)
        self._limit_bytes = options.limit_mb * 1_000_000
        self._recorder: Recorder | None = None

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.mcap", help="file to write; it must not exist")
        parser.add_argument("topics", nargs="*", metavar="TOPIC", help="a topic or the beginning of some")
        parser.add_argument("--limit-mb", type=positive, default=1000, help="end at this size (1000)")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self._topics

    @property
    def is_done(self) -> bool:
        return self._recorder is not None and self._recorder.n_bytes >= self._limit_bytes

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        if self._recorder is None:
            self._recorder = Recorder(create(self.options.file), keeps_content=self.options.show_content)
        self._recorder.write(tapped)
        return ()

    def report(self, now_ns: int) -> Iterable[Output]:
        if self._recorder is not None:
            self._recorder.flush()
        return ()

    def end(self, now_ns: int) -> Iterable[Output]:
        if self._recorder is None:
            return
        n_bytes = self._recorder.close()
        content = "with content" if self.options.show_content else "content blanked (--show-content keeps it)"
        yield Line(
            f"{self.options.file}: {self._recorder.count:,} messages, {shown_bytes(n_bytes)}, {content}",
            {
                "kind": "recording",
                "file": self.options.file,
                "messages": self._recorder.count,
                "bytes": n_bytes,
                "content": bool(self.options.show_content),
            },
        )

    def complaint(self, now_ns: int) -> str:
        return "" if self._recorder is not None else "nothing was heard"
