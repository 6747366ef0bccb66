"""A level as its reader keeps it: the newest value per writer and session, judged by age. Pure.

A value is lost once its lease has passed since it was *sent*, so that a message that waited in a queue
renews nothing. Clocks of two machines do not agree: the smallest difference between receipt and send
seen of a writer's incarnation stands for the offset of its clock plus one hop.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bus.header import Header
from bus.interface import Change

M = TypeVar("M")


@dataclass(slots=True)
class _Entry(Generic[M]):
    header: Header
    value: M
    sent_ns: int
    """When it was sent, in the reader's monotonic time."""
    lease_ns: int


class Level(Generic[M]):
    """Newest values of the followed topics."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, _Entry[M]]] = {}
        """Session → writer → newest value; nearly always asked by session."""
        self._offsets: dict[tuple[str, int], int] = {}

    def update(self, header: Header, value: M, received_ns: int, lease_ms: int) -> bool:
        """Take a message in; False if an equal or newer one is there already."""
        writers = self._sessions.setdefault(header.session, {})
        known = writers.get(header.src)
        if known and (header.boot, header.seq) <= (known.header.boot, known.header.seq):
            return False
        sent_ns = header.mono_ns + self._offset(header, received_ns)
        writers[header.src] = _Entry(header, value, sent_ns, lease_ms * 1_000_000)
        return True

    def get(self, now_ns: int, session: str = "", src: str = "") -> M | None:
        """Value for a session, of any writer or of `src`; the newest if several live."""
        entry = self._find(now_ns, session, src)
        return entry.value if entry else None

    def items(self, now_ns: int) -> list[tuple[str, str, M]]:
        """(src, session, value) of all that live."""
        return [
            (src, session, entry.value)
            for session, writers in self._sessions.items()
            for src, entry in writers.items()
            if _lives(entry, now_ns)
        ]

    def sessions(self) -> set[str]:
        """Sessions of all values, of lost ones too until they are forgotten."""
        return set(self._sessions)

    def seconds_left(self, now_ns: int, session: str = "", src: str = "") -> float | None:
        """Rest of the lease; None without a value or without a lease."""
        entry = self._find(now_ns, session, src)
        if entry is None or not entry.lease_ns:
            return None
        return (entry.sent_ns + entry.lease_ns - now_ns) / 1e9

    def ended(self, since_ns: int, now_ns: int) -> bool:
        """Whether a lease ended from `since_ns` on and before `now_ns`."""
        return any(
            entry.lease_ns and since_ns <= entry.sent_ns + entry.lease_ns < now_ns
            for writers in self._sessions.values()
            for entry in writers.values()
        )

    def next_end_ns(self, now_ns: int) -> int | None:
        """When the next lease ends; None if no value that lives has one."""
        ends = (
            entry.sent_ns + entry.lease_ns
            for writers in self._sessions.values()
            for entry in writers.values()
            if entry.lease_ns and _lives(entry, now_ns)
        )
        return min(ends, default=None)

    def forget(self, now_ns: int) -> None:
        """Drop what was lost a minute ago; the fence remembers its generation, its id never returns."""
        minute_ns = 60_000_000_000
        kept = {
            session: {src: entry for src, entry in writers.items() if _lives(entry, now_ns - minute_ns)}
            for session, writers in self._sessions.items()
        }
        self._sessions = {session: writers for session, writers in kept.items() if writers}

    def _find(self, now_ns: int, session: str, src: str) -> _Entry[M] | None:
        newest = None
        for writer, entry in self._sessions.get(session, {}).items():
            if (
                src in ("", writer)
                and _lives(entry, now_ns)
                and (not newest or entry.sent_ns > newest.sent_ns)
            ):
                newest = entry
        return newest

    def _offset(self, header: Header, received_ns: int) -> int:
        key = (header.src, header.boot)
        offset = min(received_ns - header.mono_ns, self._offsets.get(key, received_ns - header.mono_ns))
        if key not in self._offsets:
            self._offsets = {k: v for k, v in self._offsets.items() if k[0] != header.src}
        self._offsets[key] = offset
        return offset


def _lives(entry: _Entry[Any], now_ns: int) -> bool:
    return not entry.lease_ns or now_ns - entry.sent_ns <= entry.lease_ns


class Edges(Generic[M]):
    """The changes of a level as one reader sees them: it alone decides what an edge is."""

    def __init__(self, level: Level[M]) -> None:
        self._level = level
        self._told: dict[tuple[str, str], M] = {}

    def take(self, now_ns: int) -> list[Change[Any]]:
        """What differs from the last call: news, new values, losses."""
        living = {(src, session): value for src, session, value in self._level.items(now_ns)}
        changes = [
            Change(*key, self._told.get(key), living.get(key))
            for key in self._told.keys() | living.keys()
            if self._told.get(key) != living.get(key)
        ]
        self._told = living
        return changes
