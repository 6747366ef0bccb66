"""What bot_main asks of its store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from procs.bot_main.core.record import Record


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
    makes good what was missed. Every call may block on the disk: all are made in one thread, never in the
    event loop's.
    """

    @property
    def condition(self) -> Condition:
        """How the store is since the last call."""
        ...

    def load(self) -> list[Record]:
        """Open the store and read all records.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def write(self, changes: Mapping[str, Record | None]) -> None:
        """Put sessions' records in the place of their former ones, None to drop them; on disk on return."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
