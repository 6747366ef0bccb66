"""Bytes of a response → server-sent events, however they are cut into chunks. Pure.

Source: the server-sent events chapter of the HTML standard. Two deviations, both seen in the field: an
event that the end of the stream leaves without its blank line still counts, and so does the field `error`
of older llama.cpp servers.
"""

from dataclasses import dataclass

from bus.errors import BackendError

EVENT_LIMIT_BYTES = 1_048_576
"""Longest event: a line of 1 MB is read, anything that grows beyond is refused before it fills the memory."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` and `retry` mean nothing to us."""

    name: str
    """Empty for most, `error` for a failure."""
    data: str
    """Its data lines, joined by line feeds."""


class SseParser:
    """Takes chunks, gives the events they complete."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        """Chunks of the line that has not ended yet."""
        self._begun_bytes = 0
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Take bytes in.

        Raises:
            BackendError: an event longer than 1 MiB.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        rest = b"" if chunk.endswith((b"\r", b"\n")) else lines.pop()
        if lines and self._begun:
            lines[0] = b"".join((*self._begun, lines[0]))
            self._begun.clear()
            self._begun_bytes = 0
        events = [event for line in lines if (event := self._line(line)) is not None]
        self._begin(rest)
        return events

    def finish(self) -> list[Event]:
        """The stream has ended: the event it left open, if any."""
        lines = (b"".join(self._begun), b"")
        self._begun.clear()
        return [event for line in lines if (event := self._line(line)) is not None]

    def _begin(self, rest: bytes) -> None:
        if rest:
            self._begun.append(rest)
            self._begun_bytes += len(rest)
            _check(self._begun_bytes + self._data_bytes)

    def _line(self, line: bytes) -> Event | None:
        """Take a whole line in; an empty one ends the event."""
        if not line:
            return self._end()
        name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        value = value.removeprefix(b" ")
        if name in (b"data", b"error"):
            self._data_bytes += len(value) + 1
            _check(self._data_bytes)
            self._data.append(value.decode("utf-8", "replace"))
        if name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name == b"error":
            self._name = "error"
        return None

    def _end(self) -> Event | None:
        event = Event(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._data_bytes = "", [], 0
        return event


def _check(n_bytes: int) -> None:
    if n_bytes > EVENT_LIMIT_BYTES:
        raise BackendError("llm_failed", f"the server sent an event of more than {EVENT_LIMIT_BYTES} bytes")
