"""Commands: one handler for each, whether it was written, chosen or clicked."""

from dataclasses import dataclass

from bus.errors import BackendError, sentence
from procs.bot_main.core import commands
from procs.bot_main.core.chat import Invoked, Person, Post
from procs.bot_main.core.commands import COMMANDS, Command, Unclear
from procs.bot_main.core.permissions import Level
from procs.bot_main.courier import Courier
from procs.bot_main.features.base import Call
from procs.bot_main.guilds import EXPORT, Guilds
from procs.bot_main.household import House
from procs.bot_main.prompting import MICROPHONE, Prompting, request_id
from procs.bot_main.voice import STOPPED, Voice

SILENCED = "🤫"


@dataclass(frozen=True)
class Visit:
    """Where somebody stands who asks for something."""

    person: Person
    guild_id: int
    channel_id: int
    key: int
    """Id of the message or of the click: the same one asks for the same thing."""
    invoked: Invoked | None = None

    @property
    def message_id(self) -> int:
        """The message to answer, 0 for slash and button."""
        return 0 if self.invoked else self.key


class Orders:
    """Carries commands out.

    Args:
        prefix: what a written command begins with.
    """

    def __init__(
        self, guilds: Guilds, courier: Courier, voice: Voice, prompting: Prompting, prefix: str
    ) -> None:
        self._guilds = guilds
        self._courier = courier
        self._voice = voice
        self._prompting = prompting
        self._prefix = prefix
        self.house: House | None = None
        """The text features, where there are any."""

    async def carry_out(self, asked: Command | Unclear, visit: Visit) -> None:
        """Do what is asked, and answer where it was asked."""
        if isinstance(asked, Unclear):
            self._answer(visit, asked.said, is_hidden=True)
            return
        level = self._voice.level(visit.person, visit.guild_id)
        if level < asked.row.level:
            said = f"❌ That is for {asked.row.level.title}; see `{self._prefix} help`."
            self._answer(visit, said, is_hidden=True)
            return
        try:
            said = await self._said(asked, visit, level)
        except BackendError as error:
            said = f"❌ {sentence(error.code)}"
        if said:
            self._answer(visit, said, is_hidden=asked.row.is_hidden)

    def _answer(self, visit: Visit, text: str, *, is_hidden: bool) -> None:
        if visit.invoked:
            self._courier.answer(visit.invoked, Post(text, is_hidden=is_hidden))
        else:
            self._courier.post(visit.channel_id, Post(text, reply_to=visit.message_id))

    async def _said(self, asked: Command, visit: Visit, level: Level) -> str:  # noqa: PLR0911 - a table
        guild_id, person = visit.guild_id, visit.person
        if asked.row.feature:
            return await self._feature(asked, visit)
        match asked.row.name:
            case "join":
                self._attend(visit)
                named = asked.arguments.get("channel", "")
                return await self._voice.join(person, guild_id, visit.channel_id, named, visit.key)
            case "leave":
                return await self._voice.leave(person, guild_id, visit.key)
            case "voice-status":
                return self._voice.status_text(guild_id)
            case "say" | "ask":
                return await self._speak(asked, visit)
            case "stop":
                return await self._stop(visit)
            case "queue":
                return self._queue(person, guild_id)
            case "settings":
                said = self._settings(asked, visit)
                self._attend(visit)
                return said
        return self._help(level)

    def _attend(self, visit: Visit) -> None:
        """No prompt is missed where prompts are taken from now on: a slash command is no message there."""
        chosen = self._guilds.of(visit.guild_id).prompt_channel
        if self.house and visit.guild_id:
            for channel_id in {visit.channel_id, chosen or visit.channel_id}:
                self.house.attend(channel_id, visit.key)

    async def _feature(self, asked: Command, visit: Visit) -> str:
        if self.house is None:
            return "❌ That is not switched on here."
        place = (visit.guild_id, visit.channel_id, visit.message_id)
        return await self.house.command(Call(asked.row.name, asked.text, *place, visit.person, visit.invoked))

    async def _speak(self, asked: Command, visit: Visit) -> str:
        text, verbatim = asked.arguments["text"], asked.row.name == "say"
        person, guild_id = visit.person, visit.guild_id
        if visit.invoked is None:
            where = guild_id, visit.channel_id, visit.message_id
            return await self._prompting.ask(person, *where, text, verbatim=verbatim)
        refusal, n_before = await self._voice.prompt(
            person, guild_id, text, request_id(visit.key), verbatim=verbatim
        )
        if refusal:
            return refusal
        place = f" ({n_before} before it)" if n_before else ""
        return f"{MICROPHONE} {text}{place}"

    async def _stop(self, visit: Visit) -> str:
        said = await self._voice.stop(visit.guild_id, visit.key)
        if said == STOPPED and visit.invoked is None:
            # A reaction is there at once, even where posts are being held back by Discord's limits.
            self._courier.react(visit.channel_id, visit.message_id, SILENCED)
            return ""
        return said

    def _queue(self, person: Person, guild_id: int) -> str:
        written = self.house.queue_text(person, guild_id) if self.house else ""
        told = [text for text in (self._voice.waiting(person.id, guild_id), written) if text]
        return "\n".join(told) or "Nothing waits."

    def _settings(self, asked: Command, visit: Visit) -> str:
        if not visit.guild_id:
            return "❌ Settings belong to a server: ask me there."
        name, value = asked.arguments.get("name", ""), asked.arguments.get("value", "")
        if name.lower() == EXPORT:
            return self._guilds.exported(visit.guild_id)
        if name.lower() == "show":
            name, value = value, ""
        if not value and (not name or self._guilds.knows(name)):
            return self._guilds.shown(visit.guild_id, name)
        return self._guilds.change(visit.guild_id, name, value, visit.person.id)

    def _help(self, level: Level) -> str:
        rows = [row for row in COMMANDS if row.level <= level and (self.house or not row.feature)]
        return "\n".join(f"`{self._prefix} {commands.usage(row)}` {row.help}" for row in rows)
