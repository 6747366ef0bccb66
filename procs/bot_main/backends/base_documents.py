"""What bot_main asks of a store for small documents: guild settings, moods, what a feature remembers."""

from typing import Any, Protocol

Document = dict[str, Any]
"""Plain JSON values."""


class Documents(Protocol):
    """Keeps one document per (kind, key) across restarts.

    Every call may block on the disk: all are made in one thread, never in the event loop's.
    """

    @property
    def damaged_as(self) -> str:
        """Name under which a damaged file was set aside in this life, the last one; empty if none was."""
        ...

    def load(self) -> dict[tuple[str, str], Document]:
        """Open the store and read everything.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def write(self, changes: dict[tuple[str, str], Document | None]) -> None:
        """Put documents in the place of their former ones, None to drop them; on disk on return.

        Raises:
            BackendError: `store_failed`; nothing was written, and the next write must hold everything:
                the file may be a new one by then.
        """
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
