"""What bot_main asks of a shop's feed."""

from typing import Protocol

from procs.bot_main.core.figurines import Poll


class Feed(Protocol):
    """A list of things that changes now and then."""

    url: str
    """Its address."""

    async def fetch(self, etag: str = "", modified: str = "") -> Poll | None:
        """Read it.

        Args:
            etag: of the last answer, empty if there is none.
            modified: `Last-Modified` of the last answer, likewise.

        Returns:
            None if it has not changed since then.

        Raises:
            BackendError: `feed_unreachable`, or `feed_unusable` if what came is no feed.
        """
        ...
