"""The levels of all topics as one reader sees them: values, leases, changes. Pure."""

from dataclasses import dataclass
from typing import Any

from bus.interface import Change
from bus.level import Edges, Level
from bus.sniffer.content import redact, shown
from bus.sniffer.taps import Tapped
from bus.topics import TOPICS, Pattern

Value = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A living value."""

    topic: str
    src: str
    session: str
    value: Value
    seconds_left: float | None
    """Rest of the lease, None without one."""


class Levels:
    """Newest values of every level heard.

    Args:
        with_content: whether text is kept, else hidden.
    """

    def __init__(self, *, with_content: bool = False) -> None:
        self._with_content = with_content
        self._levels: dict[str, Level[Value]] = {}
        self._edges: dict[str, Edges[Value]] = {}

    def observe(self, tapped: Tapped) -> None:
        """Take a message in; what is no level is ignored.

        Raises:
            DecodeError: its body can't be read.
        """
        row = TOPICS.get(tapped.topic)
        if row is None or row.pattern is not Pattern.STATE:
            return
        body = tapped.body if self._with_content else redact(tapped.topic, tapped.body, shown)
        if tapped.topic not in self._levels:
            level: Level[Value] = Level()
            self._levels[tapped.topic], self._edges[tapped.topic] = level, Edges(level)
        self._levels[tapped.topic].update(tapped.header, body, tapped.received_mono_ns, row.lease_ms)

    def living(self, prefix: str, now_ns: int) -> list[Held]:
        """What lives now, by topic and session; what was lost long ago is forgotten."""
        for level in self._levels.values():
            level.forget(now_ns)
        return [
            Held(topic, src, session, value, level.seconds_left(now_ns, session, src))
            for topic, level in sorted(self._levels.items())
            if topic.startswith(prefix)
            for src, session, value in sorted(level.items(now_ns), key=lambda item: item[1])
        ]

    def changes(self, now_ns: int) -> list[tuple[str, Change[Value]]]:
        """(topic, change) since the last call: news, new values, losses."""
        return [(topic, change) for topic, edges in self._edges.items() for change in edges.take(now_ns)]
