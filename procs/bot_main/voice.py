"""What people ask of her voice in Discord: calling her, leaving, prompts, stopping, what she does.

Every answer is a text; who asked and through which door is the front's affair.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from bus import Bus
from bus.errors import CODES, sentence
from bus.messages import Health, HouseState, NodeState, PlayoutState, Request, RequestKind, TurnKind
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import Person, VoiceRoom
from procs.bot_main.core.commands import channel_id, channel_name
from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.gpu_plan import GpuReport
from procs.bot_main.core.permissions import Level, Standing, Votes, level_of
from procs.bot_main.core.preflight import ALREADY, Call, obstacle
from procs.bot_main.core.requests import ChatOrigin
from procs.bot_main.core.running import Outcome
from procs.bot_main.core.status import NONE, Status, lines, troubles
from procs.bot_main.desk import Desk
from procs.bot_main.guilds import Guilds
from procs.bot_main.links import Links
from procs.bot_main.sessions import Sessions

SINK = "discord_voice"
JOIN_S = 9.5
"""She has joined in this time, or says why not: people wait ten seconds at most."""
LEAVE_S = 3.0
"""So long Discord may take to show her out."""
MAX_CHARACTERS = 4_000
"""A prompt; what a request on the bus may hold."""
NAME_CHARACTERS = 64

ELSEWHERE = "elsewhere"
"""In the place of an error code: the session that a call has met is in another channel."""

LEFT = "👋 Left voice channel!"
NOT_THERE = "❌ I'm not in a voice channel!"
IN_A_SERVER = "❌ Voice works in a server only."
STOPPED = "🤫 Stopped."


class Voice:
    """Her voice in all servers."""

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        desk: Desk,
        sessions: Sessions,
        links: Links,
        guilds: Guilds,
        prefix: str,
        max_sessions: int,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._desk = desk
        self._sessions = sessions
        self._links = links
        self._guilds = guilds
        self._prefix = prefix
        self._max_sessions = max_sessions
        self._health = bus.follow("report.health.")
        self._playout = bus.follow("report.playout.")
        self._house = bus.follow("report.house")
        self._called_off: Counter[int] = Counter()
        """By server: how often she was sent away while a join waited for an earlier session to end."""
        self._votes: dict[str, Votes] = {}
        self.missing_code = ""
        """Error code of what Discord does not grant."""
        self.troubles: Callable[[], Sequence[str]] = tuple
        """Error codes of all that is wrong with this process."""
        self.cards: Callable[[], GpuReport] = GpuReport
        """How the graphics cards were before the latest session."""

    # --- who -----------------------------------------------------------------------------------------

    def level(self, person: Person, guild_id: int) -> Level:
        """What somebody may do in a server."""
        settings = self._guilds.of(guild_id)
        conversation = self._sessions.in_guild(guild_id)
        return level_of(
            Standing(
                person.rights,
                is_blocked=person.id in settings.blocked,
                is_starter=bool(conversation and conversation.intent.requested_by == str(person.id)),
                is_listening=self._is_listening(person.id, guild_id),
                host_role_id=settings.host_role,
                talker_role_id=settings.talker_role,
            )
        )

    def _is_listening(self, person: int, guild_id: int) -> bool:
        place = self._links.place(guild_id)
        return bool(place) and self._chat.voice_of(guild_id, person) == place

    # --- joining and leaving -------------------------------------------------------------------------

    async def join(self, person: Person, guild_id: int, text_channel: int, named: str, key: int) -> str:
        """Call her; `named` is what was written behind the command."""
        if not guild_id:
            return IN_A_SERVER
        room = self._room(person, guild_id, named)
        if text := obstacle(self._preflight(room, guild_id, bool(named))):
            return text
        assert room is not None, "an obstacle otherwise"
        origin = ChatOrigin(guild_id, person.id, room.id, text_channel)
        request = Request(f"j{key}", RequestKind.JOIN, sink=SINK, user=person.name[:NAME_CHARACTERS])
        try:
            async with asyncio.timeout(JOIN_S):
                code = await self._joined(request, origin)
        except TimeoutError:
            code = self._give_up(guild_id)
        if code == ELSEWHERE:
            return ALREADY.format(prefix=self._prefix)
        cards = self.cards()
        if code:
            figures = cards.detail if code == cards.code else ""
            return _told("❌", code if code in CODES else "voice_refused", figures)
        warnings = [(self.missing_code, ""), (cards.code, cards.detail)]
        told = (_told("\n⚠️", each, figures) for each, figures in warnings if each in CODES)
        where = self._where(guild_id, text_channel)
        return f"🎤 Joined {room.name}! Send messages {where} to make me speak.{''.join(told)}"

    def _where(self, guild_id: int, text_channel: int) -> str:
        """Where she takes prompts, said in the channel that she was called from."""
        conversation = self._sessions.in_guild(guild_id)
        taking = self.prompt_channel(conversation) if conversation else text_channel
        return "here" if taking == text_channel else f"in <#{taking}>"

    async def _joined(self, request: Request, origin: ChatOrigin) -> str:
        """Error code, empty once the session is active; `ELSEWHERE` if it is in another channel."""
        n_called_off = self._called_off[origin.guild_id]
        answer = await self._desk.ask(request, origin)
        conversation = next((c for c in self._sessions.all if c.session == answer.session), None)
        if not answer.accepted or conversation is None:
            return answer.code or "session_none"
        if self._called_off[origin.guild_id] != n_called_off:
            self._sessions.leave(conversation, Outcome(TurnKind.CUT))
            return "session_none"
        is_own = conversation.opened_by == request.id
        if not is_own and conversation.intent.voice_channel_id != origin.voice_channel_id:
            return ELSEWHERE
        return await self._sessions.settled(conversation)

    def _give_up(self, guild_id: int) -> str:
        if conversation := self._sessions.in_guild(guild_id):
            self._sessions.leave(conversation, Outcome(TurnKind.FAILED, "session_start_timeout"))
        return "session_start_timeout"

    def _room(self, person: Person, guild_id: int, named: str) -> VoiceRoom | None:
        if not named:
            return self._chat.voice_room(guild_id, self._chat.voice_of(guild_id, person.id))
        if (by_id := channel_id(named)) and (room := self._chat.voice_room(guild_id, by_id)):
            return room
        rooms = self._chat.voice_rooms(guild_id)
        return next((room for room in rooms if channel_name(room.name) == channel_name(named)), None)

    def _preflight(self, room: VoiceRoom | None, guild_id: int, is_named: bool) -> Call:
        allowed = self._guilds.of(guild_id).voice_channels
        voice: Health | None = self._health.get(src="tts_bridge")
        return Call(
            room=room,
            is_named=is_named,
            prefix=self._prefix,
            has_session=self._sessions.in_guild(guild_id) is not None,
            n_sessions=sum(c.intent.wanted for c in self._sessions.all),
            max_sessions=self._max_sessions,
            is_allowed=not allowed or (room is not None and room.id in allowed),
            has_voice=voice is not None and voice.state is not NodeState.DEGRADED,
            voice_code=voice.code if voice else "",
            quiet_until=self._guilds.quiet_until(guild_id),
        )

    async def leave(self, person: Person, guild_id: int, key: int) -> str:
        """End the session: at once for those who may, by vote for the others."""
        conversation = self._sessions.in_guild(guild_id)
        if conversation is None:
            self._called_off[guild_id] += 1
            if not self._links.place(guild_id):
                return NOT_THERE
        if conversation and self.level(person, guild_id) < Level.HOST:
            if not self._is_listening(person.id, guild_id):
                return "❌ Only hosts may end the session, or those who listen, by vote."
            n_votes, n_needed = self._vote(conversation, person, guild_id)
            if n_votes < n_needed:
                return f"🗳️ {n_votes} of {n_needed} votes to leave. Others who listen: `{self._prefix} leave`."
        if conversation:
            await self._desk.ask(Request(f"l{key}", RequestKind.LEAVE, sink=SINK), ChatOrigin(guild_id))
        # Without a session she is a ghost, and is being asked out already.
        is_out = await self._links.until_out(guild_id, LEAVE_S)
        return LEFT if is_out else f"{LEFT} Discord has not confirmed it yet; I keep asking."

    def _vote(self, conversation: Conversation, person: Person, guild_id: int) -> tuple[int, int]:
        votes = self._votes.setdefault(conversation.session, Votes())
        listeners = {who for who in votes.voters if self._is_listening(who, guild_id)}
        room = self._chat.voice_room(guild_id, self._links.place(guild_id))
        now_ms = self._bus.clock.mono_ns() // 1_000_000
        return votes.cast(person.id, listeners, room.n_listeners if room else 1, now_ms)

    def forget(self, session: str) -> None:
        """A session has ended; its votes go with it."""
        self._votes.pop(session, None)

    # --- speaking ------------------------------------------------------------------------------------

    async def prompt(
        self,
        person: Person,
        guild_id: int,
        text: str,
        request: str,
        message_channel_id: int = 0,
        *,
        verbatim: bool = False,
    ) -> tuple[str, int]:
        """Ask her something, or let her read something out.

        Args:
            message_channel_id: where the message stands that asks it, 0 if it came by another door.

        Returns:
            What to say against it, empty if it was accepted; and the prompts before it.
        """
        text, settings = text.strip(), self._guilds.of(guild_id)
        is_new = not self._desk.knows(request)  # the same message may be told and fetched
        if is_new and (refusal := self._obstacle(person, guild_id, text, settings.max_waiting_each)):
            return refusal, 0
        kind = RequestKind.SPEAK if verbatim else RequestKind.PROMPT
        asked = Request(request, kind, text, SINK, person.name[:NAME_CHARACTERS])
        origin = ChatOrigin(
            guild_id,
            person.id,
            message_channel_id=message_channel_id,
            max_waiting=settings.max_waiting,
        )
        answer = await self._desk.ask(asked, origin)
        if answer.accepted:
            return "", answer.waiting
        return f"❌ {sentence(answer.code if answer.code in CODES else 'session_none')}", 0

    def _obstacle(self, person: Person, guild_id: int, text: str, max_waiting_each: int) -> str:
        """What to say against a prompt before anybody is asked, empty if nothing."""
        conversation = self._sessions.in_guild(guild_id)
        if conversation is None:
            return NOT_THERE
        if len(text) > MAX_CHARACTERS:
            return (f"❌ That is too long for me: {len(text):,} characters, and I take {MAX_CHARACTERS:,}. "
                    "Please send it in parts.")  # fmt: skip
        n_own = sum(asked.person == person.id for asked in conversation.turns.waiting)
        if n_own >= max_waiting_each:
            return f"❌ {n_own} of your prompts wait already. Wait until I have answered some of them."
        return ""

    async def stop(self, guild_id: int, key: int) -> str:
        """Silence her."""
        request = Request(f"s{key}", RequestKind.STOP, sink=SINK)
        answer = await self._desk.ask(request, ChatOrigin(guild_id))
        return STOPPED if answer.accepted else NOT_THERE

    # --- what she does -------------------------------------------------------------------------------

    def prompt_channel(self, conversation: Conversation) -> int:
        """Where a session takes prompts: what the server's settings say, else where she was called.

        A channel that was chosen and is gone counts no more; in a server that is out of sight nothing is.
        """
        intent = conversation.intent
        chosen = self._guilds.of(intent.guild_id).prompt_channel
        if chosen and (self._chat.channel_name(chosen) or intent.guild_id not in self._chat.guild_ids()):
            return chosen
        return intent.prompt_channel_id

    def waiting(self, person: int, guild_id: int) -> str:
        """The prompts that wait, and somebody's place among them."""
        conversation = self._sessions.in_guild(guild_id)
        if conversation is None:
            return ""
        turns = conversation.turns
        places = [n + bool(turns.running) for n, asked in enumerate(turns.waiting) if asked.person == person]
        n_waiting = len(turns.waiting)
        many = "1 prompt waits" if n_waiting == 1 else f"{n_waiting} prompts wait"
        text = f"🎤 {many} for my voice."
        return f"{text} Before yours: {', '.join(map(str, places))}." if places else text

    def status_text(self, guild_id: int) -> str:
        """All of it, as text; without a session, what is wrong with her."""
        status = self.status(guild_id)
        return "\n".join(lines(status) if status else [NONE, *troubles(self.troubles())])

    def status(self, guild_id: int) -> Status | None:
        """What she does in a server, None without a session."""
        conversation = self._sessions.in_guild(guild_id)
        if conversation is None:
            return None
        intent, turns = conversation.intent, conversation.turns
        playout: PlayoutState | None = self._playout.get(conversation.session)
        house: HouseState | None = self._house.get()
        running = turns.running.turn if turns.running else 0
        return Status(
            phase=conversation.phase,
            voice_channel=self._chat.channel_name(intent.voice_channel_id) or "?",
            prompt_channel_id=self.prompt_channel(conversation),
            starter=intent.requested_by,
            since_ms=intent.since_ms,
            is_answering=bool(running),
            is_sounding=bool(running and playout and playout.turn == running and playout.played_ms),
            n_waiting=len(turns.waiting),
            first_sounds_ms=tuple(conversation.first_sounds),
            model=self._health.get(src="llm_streamer"),
            voice=self._health.get(src="tts_bridge"),
            gpu=house.gpu if house else {},
            trouble_codes=(*self.troubles(), self._links.silenced(guild_id)),
        )


def _told(sign: str, code: str, figures: str) -> str:
    return f"{sign} {sentence(code)}" + (f" ({figures})" if figures else "")
