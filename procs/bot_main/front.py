"""The front: what happens in the chat goes to whom it concerns, and what becomes of turns is told there.

A message is a command (any channel), a prompt (the session's prompt channel) or the house's affair. A
command has one handler, whether it was written, chosen or clicked.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bus import Bus
from bus.errors import CODES, BackendError, sentence
from bus.messages import NodeState, Phase, TurnKind
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core import commands
from procs.bot_main.core.alone import Alone
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
from procs.bot_main.core.conversation import Conversation, Ended
from procs.bot_main.core.fallback import Fallback
from procs.bot_main.core.permissions import Level
from procs.bot_main.core.running import Asked, Outcome
from procs.bot_main.courier import Courier
from procs.bot_main.features.base import Call
from procs.bot_main.guilds import EXPORT, Guilds
from procs.bot_main.health import HealthBoard
from procs.bot_main.household import House
from procs.bot_main.links import Links
from procs.bot_main.panel import Panels
from procs.bot_main.prompting import MICROPHONE, Prompting, message_id, request_id
from procs.bot_main.sessions import Sessions
from procs.bot_main.voice import STOPPED, Voice

T = TypeVar("T")

BEAT_S = 1.0
"""How often rooms and panels are looked at."""

MAX_AT_ONCE = 64
"""Commands and prompts being worked on; more are dropped with a log line."""

SILENCED = "🤫"
PRESENCE = "🎤 In Voice Chat"
ALONE = "👋 Everybody has left, so I left too."


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
    """Everything that comes from the chat; implements `sessions.Audience`."""

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
        self._panels = panels
        self._health = health
        self._prefix = prefix
        self._house: House | None = None
        self._n_at_once = 0
        self._presence = ""
        self._is_online = False
        self._fallbacks: dict[str, Fallback] = {}
        self._alone: dict[str, Alone] = {}
        self._told: set[str] = set()
        """Sessions whose involuntary end was told."""
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
                self._is_online = False
                self._health.tell("discord", NodeState.DEGRADED, event.code)
                self._sessions.doubt()
                if self._house:
                    self._house.offline()

    # --- how the chat is -----------------------------------------------------------------------------

    def _come_online(self, event: Online) -> None:
        self._is_online = True
        self._voice.missing_code = event.code
        self._bus.report(NodeState.READY, discord=event.name, invite=event.invite_url)
        self._health.tell("discord", NodeState.READY, event.code)
        self._show_presence()
        self._sessions.doubt()
        if self._house:
            self._house.online(self._take_missed)

    def _show_presence(self) -> None:
        is_there = any(
            c.intent.wanted and c.intent.guild_id and c.phase is Phase.ACTIVE for c in self._sessions.all
        )
        text = PRESENCE if is_there else ""
        if self._is_online and text != self._presence:
            self._presence = text
            self._courier.deliver("presence", lambda: self._chat.set_presence(text))

    # --- messages ------------------------------------------------------------------------------------

    def _take(self, message: Incoming) -> None:
        visit = Visit(message.author, message.guild_id, message.channel_id, message.id)
        line = commands.line_of(message, self._prefix)
        if line is not None:
            self._begin(self._carry_out(commands.parsed(line, self._prefix), visit))
            if self._house:
                self._house.dealt_with(message)
        elif self._prompting.is_for_her(message) and self._house and self._house.is_wish(_to_her(message)):
            self._house.offer(_to_her(message))
        elif self._prompting.is_for_her(message) and message.text.strip():
            self._begin(self._prompt(message))
        elif self._house:
            by_mention = not message.guild_id or self._guilds.of(message.guild_id).reply_by_mention
            is_addressed = message.is_addressed and by_mention
            self._house.offer(replace(message, is_addressed=is_addressed))

    async def _prompt(self, message: Incoming) -> None:
        await self._prompting.take(message)
        if self._house:
            self._house.dealt_with(message)

    def _take_missed(self, message: Incoming) -> bool:
        """A message of the time when the gateway was away, if it is a prompt of the running session."""
        is_prompt = self._prompting.is_for_her(message) and bool(message.text.strip())
        if not is_prompt or (self._house and self._house.is_wish(_to_her(message))):
            return False
        self._begin(self._prompt(message))
        return True

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
                return self._settings(asked, visit)
        return self._help(level)

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

    # --- what becomes of sessions and turns ----------------------------------------------------------

    def turn_started(self, conversation: Conversation, asked: Asked) -> None:
        """The place shown at a message is over once it is answered."""
        self._prompting.waits_no_longer(asked.request)

    def turn_ended(self, conversation: Conversation, ended: Ended) -> None:
        """What could not be said is written."""
        self._prompting.waits_no_longer(ended.asked.request)
        if not conversation.intent.guild_id:
            return
        fallback = self._fallbacks.setdefault(conversation.session, Fallback())
        channel_id = self._voice.prompt_channel(conversation)
        for number, text in enumerate(fallback.texts(ended, is_over=not conversation.intent.wanted)):
            is_there = ended.asked.channel_id == channel_id
            reply_to = message_id(ended.asked.request) if is_there else 0
            post = Post(text, reply_to=reply_to, nonce=f"t{ended.turn}-{number}")
            self._courier.post(channel_id, post)

    def session_changed(self, conversation: Conversation) -> None:
        """Presence, voice and panel follow; an end that nobody asked for is told."""
        self._links.look()
        self._show_presence()
        code, session = conversation.end_code, conversation.session
        is_told = conversation.intent.wanted or not conversation.began or session in self._told
        if conversation.intent.guild_id and code in CODES and not is_told:
            self._told.add(session)
            self._courier.post(self._voice.prompt_channel(conversation), Post(f"❌ {sentence(code)}"))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._look_at_rooms()
            self._show_presence()
            if self._is_online:
                self._panels.look()

    def _look_at_rooms(self) -> None:
        now_ms = self._bus.clock.mono_ns() // 1_000_000
        held = [c for c in self._sessions.all if c.intent.guild_id]
        for conversation in held:
            if conversation.intent.wanted and self._is_alone(conversation, now_ms):
                self._courier.post(self._voice.prompt_channel(conversation), Post(ALONE))
                self._sessions.leave(conversation, Outcome(TurnKind.CUT))
            elif conversation.intent.wanted and self._guilds.quiet_until(conversation.intent.guild_id):
                self._sessions.leave(conversation, Outcome(TurnKind.FAILED, "quiet_hours"))
        ids = {c.session for c in held}
        for session in (self._alone.keys() | self._fallbacks.keys() | self._told) - ids:
            self._alone.pop(session, None)
            self._fallbacks.pop(session, None)
            self._told.discard(session)
            self._voice.forget(session)

    def _is_alone(self, conversation: Conversation, now_ms: int) -> bool:
        intent = conversation.intent
        room = self._chat.voice_room(intent.guild_id, intent.voice_channel_id) if self._is_online else None
        n_listeners = room.n_listeners if room and conversation.phase is Phase.ACTIVE else None
        limit_s = self._guilds.of(intent.guild_id).leave_when_alone_s
        alone = self._alone.setdefault(conversation.session, Alone())
        return alone.is_over(n_listeners, conversation.silent_for_ms(now_ms), limit_s, now_ms)


def _to_her(message: Incoming) -> Incoming:
    """In the prompt channel all that is written is for her."""
    return replace(message, is_addressed=True)
