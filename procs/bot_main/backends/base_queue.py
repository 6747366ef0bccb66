"""What bot_main asks of the store of its queue."""

from typing import Protocol

from procs.bot_main.core.queue import Changes, Saved


class QueueStore(Protocol):
    """Keeps the queue across restarts.

    Every call may block on the disk: all are made in one thread, never in the event loop's.
    """

    def load(self) -> Saved:
        """Open the store and read everything; damage is set aside.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def write(self, changes: Changes) -> None:
        """All of the changes or none; on disk on return.

        Raises:
            BackendError: `store_failed`; nothing was written.
        """
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
