"""What people are told while a feature stands back: each sentence once a minute, or only the mark."""

from contextlib import suppress

from bus.errors import BackendError
from procs.bot_main.core.chat import Incoming, Post
from procs.bot_main.core.gate import Action, Notices, Row
from procs.bot_main.features.base import Call, Kit
from procs.bot_main.guilds import Guilds
from procs.bot_main.inbox import MARK

RESTS = "🎤 {title}: not while I'm talking in voice chat. Ask me again after I leave the voice channel."


class StandingBack:
    """Explains; a chat that does not take it is no harm."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._notices = Notices()
        self._guilds = Guilds(kit.bus, kit.shelf)

    def note(self, row: Row) -> None:
        """Leave a line in the log."""
        self._kit.bus.log.info("feature stands back", feature=row.name, action=row.action)

    async def explain(self, row: Row, message: Incoming) -> None:
        """What becomes of a message to a feature that stands back."""
        self.note(row)
        if row.action is not Action.BLOCKED:
            return
        if self._guilds.of(message.guild_id).notices:
            await self.reply(row, message, row.sentence)
        if row.is_marked:
            await self._mark(message.channel_id, message.id)

    async def answer(self, row: Row, call: Call) -> str:
        """The answer to a command of such a feature; empty = nothing (more)."""
        self.note(row)
        text = row.sentence or RESTS.format(title=row.title)
        if call.invoked is not None:  # Discord shows a failure where no answer comes
            return text
        is_told = self._guilds.of(call.guild_id).notices
        if row.is_marked or not is_told:
            await self._mark(call.channel_id, call.message_id)
        return text if is_told and self._is_due(text, call.person.id) else ""

    async def reply(self, row: Row, message: Incoming, text: str) -> None:
        """A line for who asked, the same one once in a minute."""
        if not self._is_due(text, message.author.id):
            return
        try:
            await self._kit.chat.send(message.channel_id, Post(text, reply_to=message.id))
        except BackendError as error:
            self._kit.bus.log.warning("not told", feature=row.name, code=error.code)

    async def _mark(self, channel_id: int, message_id: int) -> None:
        with suppress(BackendError):
            await self._kit.chat.react(channel_id, message_id, MARK)

    def _is_due(self, text: str, user_id: int) -> bool:
        return self._notices.is_due(text, user_id, self._kit.bus.clock.mono_ns() // 1_000_000)
