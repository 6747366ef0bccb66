"""`export`: a recording for viewers: JSON, and sound that Foxglove's audio panel plays."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from bus.sniffer.files import create, require_free, require_readable
from bus.sniffer.output import Line, Output, shown_bytes
from bus.sniffer.recording import Exporter, Recording
from bus.sniffer.verbs.base import FileVerb


class Export(FileVerb):
    """What can be read of a recording, also of a cut one; content only with --show-content."""

    name = "export"
    summary = "a recording for viewers such as Foxglove"
    example = "bus-sniffer export night.mcap night-view.mcap --show-content"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        require_readable(options.file)
        require_free(options.out)
        self._damages: list[str] = []

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.mcap", help="recording to read")
        parser.add_argument("out", metavar="OUT.mcap", help="file to write; it must not exist")

    def run(self) -> Iterable[Output]:
        options = self.options
        recording = Recording(Path(options.file))
        exporter = Exporter(create(options.out), keeps_content=options.show_content)
        for tapped in recording.messages():
            exporter.write(tapped)
        n_bytes = exporter.close()
        self._damages = recording.damages
        has_content = options.show_content and recording.has_content
        content = "with content" if has_content else "content blanked"
        yield Line(
            f"{options.out}: {exporter.count:,} messages, {shown_bytes(n_bytes)}, {content}",
            {
                "kind": "export",
                "file": options.out,
                "messages": exporter.count,
                "bytes": n_bytes,
                "content": has_content,
            },
        )

    def complaint(self) -> str:
        return f"{self.options.file} is not whole: {self._damages[0]}" if self._damages else ""
