"""Logs: one JSON line per event on stderr, a static event text plus fields. Never message text.

Fields named `content_*` hold user content and are written at debug level only.
"""

import json
import sys
from typing import TextIO

from bus.clock import Clock

LEVELS = ("debug", "info", "warning", "error")


class JsonLog:
    """Writes lines of the given level and above."""

    def __init__(self, node: str, clock: Clock, level: str = "info", stream: TextIO | None = None) -> None:
        self._node = node
        self._clock = clock
        self._least = LEVELS.index(level)
        self._stream = sys.stderr if stream is None else stream

    def debug(self, event: str, **fields: object) -> None:
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._least:
            return
        if level != "debug":
            fields = {k: v for k, v in fields.items() if not k.startswith("content_")}
        wall_ms = self._clock.wall_ns() // 1_000_000
        line = {"wall_ms": wall_ms, "level": level, "node": self._node, "event": event, **fields}
        try:
            print(json.dumps(line, default=str, ensure_ascii=False), file=self._stream, flush=True)
        except OSError:
            # A full disk or a closed pipe must not take a node down; the loss shows in the log itself.
            return
