"""What bot_main asks of a store for small documents: guild settings, moods, what a feature remembers."""

from typing import Any, Protocol

Document = dict[str, Any]
"""Plain JSON values."""


class Documents(Protocol):
    """Keeps one document per (kind, key) across restarts.

    Every call may block on the disk: all are made in one thread, never in the event loop's.
    """

    def load(self) -> dict[tuple[str, str], Document]:
        """Open the store and read everything.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def write(self, changes: dict[tuple[str, str], Document | None]) -> None:
        """Put documents in the place of their former ones, None to drop them; on disk on return.

        Raises:
            BackendError: `store_failed`; nothing was written.
        """
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
