"""What the queue knows of a message, and what is to be written of it. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from procs.bot_main.core.chat import Incoming


class Kept(StrEnum):
    """What became of a message that came in."""

    WAITS = "waits"
    KNOWN = "known"
    """It was here before: by id."""
    REFUSED = "refused"
    """Its author has too many here; a notice says so later."""


@dataclass(frozen=True)
class Row:
    """A message that waits, or whose answer is being posted."""

    message: Incoming
    is_marked: bool
    """Whether it came before the end of a session, or was cut off by one: it is answered gently, after it."""
    attempts: int = 0
    """Answers begun."""
    due_ms: int = 0
    """Wall ms before which it is not tried again."""
    pages: tuple[str, ...] = ()
    """The outbox: what is to be posted, empty until there is an answer."""
    n_posted: int = 0
    """Pages of it that were posted."""
    pings: tuple[int, ...] = ()
    """User ids that the first page pings."""
    n_told: int = 1
    """Messages that its answer is about; a notice is about several."""

    @property
    def id(self) -> int:
        """Its message's id, by which all is ordered."""
        return self.message.id

    def nonce(self, page: int) -> str:
        """The same for the same page in every life: Discord drops a double. At most 17 characters."""
        digits, number = "", self.id
        while number:
            number, rest = divmod(number, 36)
            digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
        return f"{digits}-{page}"


@dataclass(frozen=True)
class Dropped:
    """Messages of one person in one channel that found no room."""

    guild_id: int
    author_name: str
    n_messages: int
    last_id: int


Place = tuple[int, int]
"""(channel, author)."""


@dataclass
class Changes:
    """What is to be written, in one piece; None = gone."""

    rows: dict[int, Row | None] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    dropped: dict[Place, Dropped | None] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    """Channel → newest message id that was looked at; 0 = forgotten."""
    released: dict[int, int] = field(default_factory=dict)
    """Message whose mark is to be taken off → its channel; 0 = it is off."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.settled or self.dropped or self.seen or self.released)

    def over(self, older: "Changes") -> "Changes":
        """These on top of older ones."""
        return Changes(
            older.rows | self.rows,
            older.settled | self.settled,
            older.dropped | self.dropped,
            older.seen | self.seen,
            older.released | self.released,
        )


@dataclass
class Saved:
    """What an earlier life left."""

    rows: dict[int, Row] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    dropped: dict[Place, Dropped] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    released: dict[int, int] = field(default_factory=dict)
