"""What a call may connect with: the newest credentials from the bus, judged against what is wanted."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bus.errors import BackendError
from bus.messages import VoiceLink
from procs.discord_voice.core.link import Closed, Event
from procs.discord_voice.core.pair import is_same, is_usable

PAIR_S = 8.0
"""Discord says nothing when it refuses a join: so long is waited for credentials."""
ELSEWHERE_S = 2.0
"""So long credentials for another channel than the wanted one are taken for old; then she follows them."""
SETTLE_S = 0.05
"""Voice state and voice server come one after the other: what changes is looked at when both are here."""
TAKEOVER_NS = 5_000_000_000
"""So long sound waits for another connection, while the old one stands."""


class Credentials:
    """Those of one session.

    Args:
        mono_ns: the monotonic clock.
    """

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        self._mono_ns = mono_ns
        self._newest: VoiceLink | None = None
        self._came_ns = 0
        self._used: VoiceLink | None = None
        self._revision = 0
        """Smallest `link_revision` that is not dead."""
        self._changed = asyncio.Event()

    def take(self, link: VoiceLink) -> None:
        """Newer ones."""
        self._newest = link
        self._came_ns = self._mono_ns()
        self._changed.set()

    def bury(self) -> int:
        """They are dead, all that came so far.

        Returns:
            Their revision.
        """
        dead = max(self._revision, self._newest.link_revision if self._newest else 0)
        self._revision = dead + 1
        return dead

    @property
    def put_out(self) -> str:
        """Error code, if the newest say that she was put out of voice."""
        link = self._newest
        return link.code if link is not None and not link.channel_id else ""

    @property
    def silenced(self) -> str:
        """Error code while she may not speak in the channel, as the newest say. From any thread."""
        return self._newest.silenced if self._newest is not None else ""

    @property
    def ends_connection(self) -> bool:
        """Whether the connection that stands may end at any moment, since another one is to take its place.
        From any thread."""
        link = self._newest
        is_unnamed = link is not None and link.channel_id and not link.endpoint
        return bool(is_unnamed or self._is_newer()) and self._mono_ns() - self._came_ns < TAKEOVER_NS

    async def usable(self, guild_id: int, is_wanted: Callable[[VoiceLink], bool]) -> VoiceLink:
        """The newest usable ones, once there are any; from here on they are in use.

        Args:
            guild_id: Discord guild that they are to be of.
            is_wanted: whether they lead where she is wanted; others are taken after `ELSEWHERE_S`.

        Raises:
            Closed: none have come (NO_PAIR).
            BackendError: she was put out, and it stays so.
        """
        for wait_s, suits in ((ELSEWHERE_S, is_wanted), (PAIR_S - ELSEWHERE_S, bool)):
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    self._used = await self._settled(guild_id, suits)
                    return self._used
            if self.put_out:
                raise BackendError(self.put_out)
        raise Closed(Event.NO_PAIR)

    async def until_newer(self) -> None:
        """Wait for those that lead elsewhere, or nowhere."""
        while not self._is_newer():
            self._changed.clear()
            await self._changed.wait()

    async def _settled(self, guild_id: int, suits: Callable[[VoiceLink], bool]) -> VoiceLink:
        while True:
            link = self._newest
            self._changed.clear()
            if link is not None and is_usable(link, guild_id, self._revision):
                if (young_s := SETTLE_S - (self._mono_ns() - self._came_ns) / 1e9) > 0:
                    await asyncio.sleep(young_s)
                    continue
                if suits(link):
                    return link
            await self._changed.wait()

    def _is_newer(self) -> bool:
        link, used = self._newest, self._used
        if link is None or used is None:
            return False
        if self.put_out:
            return True
        return is_usable(link, used.guild_id, self._revision) and not is_same(link, used)
