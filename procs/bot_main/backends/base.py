"""What bot_main asks of its store."""

from dataclasses import dataclass
from typing import Protocol

from procs.bot_main.core.conversation import Record


@dataclass(frozen=True)
class Condition:
    """How the store is."""

    code: str = ""
    """Error code while it can't write and holds everything in memory; empty if all is well."""
    detail: str = ""
    """One line for the operator; also tells of damage that was set aside."""


class Store(Protocol):
    """Keeps one record per session across restarts.

    A store that can't write goes on in memory and says so in its condition; the next call tries again and
    makes good what was missed. All calls but `load` are short enough for the event loop.
    """

    @property
    def condition(self) -> Condition:
        """How the store is since the last call."""
        ...

    def load(self) -> list[Record]:
        """All records; opens the store, which may take long.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def save(self, record: Record) -> None:
        """Keep a record in the place of its session's former one; on disk on return if all is well."""
        ...

    def forget(self, session: str) -> None:
        """Drop a session's record."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
