"""What bot_main asks of the store of its queue."""

from typing import Protocol

from procs.bot_main.core.queue_rows import Changes, Saved


class QueueStore(Protocol):
    """Keeps the queue across restarts.

    Every call may block on the disk: all are made in one thread, never in the event loop's.
    """

    @property
    def damaged_as(self) -> str:
        """Name under which a damaged file was set aside in this life, the last one; empty if none was."""
        ...

    def load(self) -> Saved:
        """Open the store and read everything; damage is set aside.

        Raises:
            BadSettings: a newer version of Miku wrote it.
        """
        ...

    def write(self, changes: Changes) -> None:
        """All of the changes or none; on disk on return.

        Raises:
            BackendError: `store_failed`; nothing was written, and the next write must hold everything:
                the file may be a new one by then.
        """
        ...

    def close(self) -> None:
        """Let the file go."""
        ...
