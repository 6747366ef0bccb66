"""The front: what happens in the chat goes to whom it concerns.

A message is a command (any channel), a prompt (the session's prompt channel) or the house's affair. A
command has one handler, whether it was written, chosen or clicked.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bus import Bus
from bus.errors import BackendError, sentence
from bus.messages import NodeState
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core import commands
from procs.bot_main.core.chat import (
    ChatEvent,
    Deleted,
    Edited,
    Incoming,
    Invoked,
    Offline,
    Online,
    Person,
    Post,
)
from procs.bot_main.core.commands import COMMANDS, Command, Unclear
from procs.bot_main.core.permissions import Level
from procs.bot_main.courier import Courier
from procs.bot_main.features.base import Call
from procs.bot_main.guilds import EXPORT, Guilds
from procs.bot_main.handing_over import hand_over
from procs.bot_main.health import HealthBoard
from procs.bot_main.herald import Herald
from procs.bot_main.household import House
from procs.bot_main.links import Links
from procs.bot_main.panel import Panels
from procs.bot_main.prompting import MICROPHONE, Prompting, request_id
from procs.bot_main.sessions import Sessions
from procs.bot_main.voice import STOPPED, Voice

T = TypeVar("T")

BEAT_S = 1.0
"""How often rooms and panels are looked at."""

MAX_AT_ONCE = 64
"""Commands and prompts being worked on; more are dropped with a log line."""

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


class Front:
    """Everything that comes from the chat."""

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        sessions: Sessions,
        links: Links,
        guilds: Guilds,
        courier: Courier,
        voice: Voice,
        prompting: Prompting,
        herald: Herald,
        panels: Panels,
        health: HealthBoard,
        prefix: str,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._sessions = sessions
        self._links = links
        self._guilds = guilds
        self._courier = courier
        self._voice = voice
        self._prompting = prompting
        self._herald = herald
        self._panels = panels
        self._health = health
        self._prefix = prefix
        self._house: House | None = None
        self._n_at_once = 0
        self._tasks: asyncio.TaskGroup

    def take_in(self, house: House) -> None:
        """The text features; before `run`."""
        self._house = house

    async def run(self) -> None:
        """Serve the chat until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._courier.start(tasks)
            tasks.create_task(self._links.run())
            tasks.create_task(self._beat())
            if self._house:
                tasks.create_task(self._house.run())
                tasks.create_task(hand_over(self._sessions, self._house))
            tasks.create_task(self._chat.run(self.notify))

    def notify(self, event: ChatEvent) -> None:
        """What happens in the chat; never blocks."""
        self._links.notice(event)
        match event:
            case Incoming():
                self._take(event)
            case Edited():
                self._after_prompts(self._reword, event.message)
            case Deleted():
                self._after_prompts(self._take_back, event.message_ids)
            case Invoked():
                visit = Visit(event.person, event.guild_id, event.channel_id, event.id, event)
                asked = commands.invoked(event.command, event.arguments, self._prefix)
                self._begin(self._carry_out(asked, visit))
            case Online():
                self._come_online(event)
            case Offline():
                self._herald.is_online = False
                self._health.tell("discord", NodeState.DEGRADED, event.code)
                self._sessions.doubt()
                if self._house:
                    self._house.offline()

    # --- how the chat is -----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._herald.look()
            if self._herald.is_online:
                self._panels.look()

    def _come_online(self, event: Online) -> None:
        self._herald.is_online = True
        self._voice.missing_code = event.code
        self._bus.report(NodeState.READY, discord=event.name, invite=event.invite_url)
        self._health.tell("discord", NodeState.READY, event.code)
        self._herald.show_presence()
        self._sessions.doubt()
        if self._house:
            self._house.online(self._sift)

    # --- messages ------------------------------------------------------------------------------------

    def _take(self, message: Incoming) -> None:
        visit = Visit(message.author, message.guild_id, message.channel_id, message.id)
        line = commands.line_of(message, self._prefix)
        if line is not None:
            self._begin(self._carry_out(commands.parsed(line, self._prefix), visit))
            if self._house:
                self._house.dealt_with(message)
        elif (left := self._sift(message)) and self._house:
            self._house.offer(left)

    def _sift(self, message: Incoming) -> Incoming | None:
        """What a message, of now or of a time without gateway, is to the house; None if nothing."""
        if self._take_hers(message):
            return None
        by_mention = not message.guild_id or self._guilds.of(message.guild_id).reply_by_mention
        return replace(message, is_addressed=message.is_addressed and by_mention)

    def _take_hers(self, message: Incoming) -> bool:
        """In the prompt channel of a session a wish is explained, all else asked aloud; False elsewhere."""
        if not self._prompting.is_for_her(message):
            return False
        if self._house and self._house.is_wish(_to_her(message)):
            self._house.offer(_to_her(message))
            return True
        if message.text.strip():
            self._begin(self._prompt(message))
        return bool(message.text.strip())

    async def _prompt(self, message: Incoming) -> None:
        await self._prompting.take(message)
        if self._house:
            self._house.dealt_with(message)

    def _after_prompts(self, do: Callable[[T], None], what: T) -> None:
        """Do this once the prompts that came before are accepted: those begin in the loop's next turn."""
        asyncio.get_running_loop().call_soon(do, what)

    def _reword(self, message: Incoming) -> None:
        if not self._prompting.reword(message) and self._house:
            self._house.edited(message)

    def _take_back(self, message_ids: tuple[int, ...]) -> None:
        self._prompting.take_back(message_ids)
        if self._house:
            self._house.deleted(message_ids)

    # --- commands ------------------------------------------------------------------------------------

    def _begin(self, work: "asyncio._CoroutineLike[None]") -> None:
        if self._n_at_once >= MAX_AT_ONCE:
            work.close()
            self._bus.log.warning("chat dropped", at_once=self._n_at_once)
            return
        self._n_at_once += 1
        self._tasks.create_task(work).add_done_callback(self._ended)

    def _ended(self, _: object) -> None:
        self._n_at_once -= 1

    async def _carry_out(self, asked: Command | Unclear, visit: Visit) -> None:
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
        if self._house and visit.guild_id:
            for channel_id in {visit.channel_id, chosen or visit.channel_id}:
                self._house.attend(channel_id, visit.key)

    async def _feature(self, asked: Command, visit: Visit) -> str:
        if self._house is None:
            return "❌ That is not switched on here."
        place = (visit.guild_id, visit.channel_id, visit.message_id)
        return await self._house.command(
            Call(asked.row.name, asked.text, *place, visit.person, visit.invoked)
        )

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
        written = self._house.queue_text(person, guild_id) if self._house else ""
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
        rows = [row for row in COMMANDS if row.level <= level and (self._house or not row.feature)]
        return "\n".join(f"`{self._prefix} {commands.usage(row)}` {row.help}" for row in rows)


def _to_her(message: Incoming) -> Incoming:
    """In the prompt channel all that is written is for her."""
    return replace(message, is_addressed=True)
