"""Catching up: what was written while the gateway was away is fetched once, channel by channel.

Each channel has a watermark, the newest message that was looked at. While a channel is behind, messages
that come in do not move it, so that a killed process begins again where it was. Such a message is fetched
too; it counts once, whichever way it came first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.gate import Action, Row
from procs.bot_main.core.queue import OLD_MS
from procs.bot_main.inbox import Inbox
from procs.bot_main.outage import Outage

MISSED = 50
"""More missed messages of a channel than this become one notice."""
FETCHED = 500
"""Messages of people that are asked for in one go."""
MOST = 2_000
"""Of a channel that are looked at; what is beyond is given up, and logged."""
TAKEN = 10_000
"""Messages that are remembered as handed on; none comes the other way after so many others."""
RETRY_S = 5.0
"""Between two tries while the chat does not answer."""


class Router(Protocol):
    """Hands a message to its feature."""

    def __call__(self, row: Row, message: Incoming, *, looks: bool) -> Awaitable[None]: ...


class CatchingUp:
    """Fetches what was missed.

    Args:
        wanted: the row of the feature that wants a message.
        route: hands a message on.
    """

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        inbox: Inbox,
        is_command: Callable[[Incoming], bool],
        wanted: Callable[[Incoming], Row | None],
        route: Router,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._inbox = inbox
        self._is_command = is_command
        self._wanted = wanted
        self._route = route
        self._behind = set(inbox.queue.seen)
        self._newest: dict[int, int] = {}
        """Newest message that came in while its channel was behind."""
        self._taken: dict[int, None] = {}
        """Messages that came in or were fetched, and were handed on; the oldest first."""
        self._sift: Callable[[Incoming], Incoming | None] = lambda message: message
        self._due = asyncio.Event()
        self._outage = Outage(bus.log, "catching_up")

    def begin(self, sift: Callable[[Incoming], Incoming | None] = lambda message: message) -> None:
        """The gateway session is new.

        Args:
            sift: what each missed message is to the house; None if it was dealt with elsewhere.
        """
        self._sift = sift
        self._behind = set(self._inbox.queue.seen)
        self._due.set()

    def is_level(self, message: Incoming) -> bool:
        """Whether a message that comes in moves its channel's watermark."""
        if message.channel_id not in self._behind:
            return True
        self._newest[message.channel_id] = max(message.id, self._newest.get(message.channel_id, 0))
        return False

    def take(self, message_id: int) -> bool:
        """Whoever hands a message on takes it first; False if that was done before."""
        if message_id in self._taken:
            return False
        self._taken[message_id] = None
        if len(self._taken) > TAKEN:
            del self._taken[next(iter(self._taken))]
        return True

    async def run(self) -> None:
        """Fetch whenever that is due, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self._round(self._behind)
            if self._due.is_set():
                await asyncio.sleep(RETRY_S)

    async def _round(self, behind: set[int]) -> None:
        """Each channel once; a new session puts another set in the place of `behind`, and ends the round."""
        for channel_id in sorted(behind):
            if self._behind is not behind:
                return
            try:
                await self._fetch(channel_id)
            except BackendError as error:
                if error.code != "discord_forbidden":
                    self._outage.begins(error)
                    self._due.set()
                    continue
                self._bus.log.info("missed messages", code=error.code)
            behind.discard(channel_id)
        if not self._due.is_set():
            self._outage.ends()

    async def _fetch(self, channel_id: int) -> None:
        messages = await self._messages(channel_id)
        new = [one for one in messages if one.id not in self._taken and not self._is_command(one)]
        left = [sifted for one in new if (sifted := self._sift(one))]
        wanted = [(row, message) for message in left if (row := self._row(message))]
        missed = [(row, message) for row, message in wanted if self.take(message.id)]
        if len(missed) > MISSED:
            await self._inbox.drop([message for _, message in missed])
        else:
            for row, message in missed:
                if row.action is Action.QUEUED and self._is_old(message):
                    self._inbox.queue.put(message, is_marked=False)  # all at once: they share one digest
            for row, message in missed:
                await self._route(row, message, looks=False)
        newest = max([self._newest.pop(channel_id, 0), *(message.id for message in messages)])
        self._inbox.queue.look(channel_id, newest)
        if missed:
            self._bus.log.info("missed messages", messages=len(missed))

    async def _messages(self, channel_id: int) -> list[Incoming]:
        """What people wrote in a channel since its watermark, oldest first."""
        after_id = self._inbox.queue.seen.get(channel_id, 0)
        found: list[Incoming] = []
        while len(found) < MOST:
            more = await self._chat.history(channel_id, after_id, FETCHED)
            found += more
            if len(more) < FETCHED:
                return found
            after_id = more[-1].id
        self._bus.log.warning("missed messages", given_up_beyond=MOST)
        return found

    def _row(self, message: Incoming) -> Row | None:
        """Who wants a missed message; what is old is left, but answers are owed for long."""
        row = self._wanted(message)
        is_left = self._is_old(message) and row is not None and row.action is not Action.QUEUED
        return None if is_left else row

    def _is_old(self, message: Incoming) -> bool:
        return self._bus.clock.wall_ns() // 1_000_000 - message.written_ms > OLD_MS
