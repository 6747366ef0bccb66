"""Two sinks behind one door: sessions of a Discord server go to Discord, all others into recordings.

So a stack without a bot token speaks into files, one with a token in Discord, and `miku say --wav` works
beside both; the process need not know whether there is a token.
"""

import asyncio
from collections.abc import Callable

from bus.messages import Intent, VoiceLink
from procs.discord_voice.backends.base import LinkedBackend
from procs.sink.backends.base import Source, VoiceEvent


class ByIntent:
    """Routes by the guild of the intent.

    Args:
        discord: takes sessions with a guild.
        elsewhere: takes those without.
    """

    name = "auto"

    def __init__(self, discord: LinkedBackend, elsewhere: LinkedBackend) -> None:
        self._discord, self._elsewhere = discord, elsewhere
        self._chosen: dict[str, LinkedBackend] = {}

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Serve both."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._discord.run(notify))
            tasks.create_task(self._elsewhere.run(notify))

    async def connect(self, session: str, intent: Intent) -> None:
        """To the one that the intent means; a session that changes over leaves the other."""
        wanted = self._discord if intent.guild_id else self._elsewhere
        if self._chosen.get(session, wanted) is not wanted:
            await self.leave(session)
        self._chosen[session] = wanted
        await wanted.connect(session, intent)

    async def leave(self, session: str) -> None:
        """Wherever it is."""
        if chosen := self._chosen.pop(session, None):
            await chosen.leave(session)

    def play(self, session: str, turn: int, source: Source) -> None:
        """Where the session is."""
        if chosen := self._chosen.get(session):
            chosen.play(session, turn, source)

    def link(self, session: str, link: VoiceLink | None) -> None:
        """For Discord alone."""
        self._discord.link(session, link)

    def facts(self) -> dict[str, str]:
        """Of both."""
        return self._discord.facts() | self._elsewhere.facts()
