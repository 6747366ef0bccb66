"""Her voice in all Discord servers: asks Discord for channels, hands the credentials on to the sink.

What to ask and what to hand on is decided in `core/links.py`.
"""

import asyncio
from contextlib import suppress

from bus import Bus
from bus.errors import BackendError
from bus.messages import Phase
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import ChatEvent, GuildGone, Online, VoicePair, VoiceRoomChanged
from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.links import JOINS, GuildLink, Want
from procs.bot_main.sessions import Sessions

BEAT_S = 0.25
"""How late a limit is seen, and a session that wants her."""

FADE_MS = 1_000
"""A session that was left keeps the channel for so long at most, while its last sound fades."""

SEND_S = 3.0
"""An OP 4 that does not get out in this time is tried again."""

TOPIC = "control.voice_link"


class Links:
    """One `GuildLink` per server."""

    def __init__(
        self, bus: Bus, chat: ChatBackend, sessions: Sessions, joins_per_minute: int = JOINS
    ) -> None:
        self._joins_per_minute = joins_per_minute
        self._bus = bus
        self._chat = chat
        self._sessions = sessions
        self._guilds: dict[int, GuildLink] = {}
        self._told: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._user_id = 0
        self._stepped = asyncio.Event()

    def notice(self, event: ChatEvent) -> None:
        """What happens in the chat."""
        match event:
            case Online():
                self._user_id = event.user_id
                for guild_id in {*event.guild_ids, *self._chat.guild_ids(), *self._guilds}:
                    place = self._chat.voice_of(guild_id, event.user_id)
                    self._guild(guild_id).online(event.user_id, place)
            case VoicePair():
                self._take_pair(event)
            case GuildGone():
                self._guild(event.guild_id).guild_gone()
            case VoiceRoomChanged() if self._user_id:
                place = self._chat.voice_of(event.guild_id, self._user_id)
                self._guild(event.guild_id).sees(place)
        self._wake.set()

    def look(self) -> None:
        """Something about the sessions has changed."""
        self._wake.set()

    def place(self, guild_id: int) -> int:
        """The voice channel she is in, as Discord says; 0 for none."""
        return self._guilds[guild_id].place if guild_id in self._guilds else 0

    def silenced(self, guild_id: int) -> str:
        """Error code while nobody hears her in the channel she is in, since she may not speak there."""
        return self._guilds[guild_id].silenced if guild_id in self._guilds else ""

    async def until_out(self, guild_id: int, seconds: float) -> bool:
        """Wait until she is in no channel of a server; False if it took too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.place(guild_id):
                    await self._stepped.wait()
        return not self.place(guild_id)

    async def run(self) -> None:
        """Ask and hand on, until cancelled."""
        while True:
            await self.step()
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S if self._is_busy() else None):
                    await self._wake.wait()
            self._wake.clear()

    def _is_busy(self) -> bool:
        """Whether something becomes due by itself: she is wanted somewhere, or is somewhere."""
        return bool(self._sessions.all) or any(link.place for link in self._guilds.values())

    async def step(self) -> None:
        """What is due now."""
        wants = self._wants()
        for guild_id in wants:
            self._guild(guild_id)
        for link in list(self._guilds.values()):
            await self._step(link, wants.get(link.guild_id))
        self._publish(wants)
        self._stepped.set()
        self._stepped = asyncio.Event()

    async def _step(self, link: GuildLink, want: Want | None) -> None:
        channel_id = link.step(want, self._now_ms())
        if channel_id is None:
            return
        self._bus.log.info("voice asked", guild=link.guild_id, channel=channel_id)
        try:
            async with asyncio.timeout(SEND_S):
                await self._chat.set_voice(link.guild_id, channel_id)
        except (BackendError, TimeoutError) as error:
            code = error.code if isinstance(error, BackendError) else "discord_unreachable"
            self._bus.log.warning("voice not asked", guild=link.guild_id, code=code)
            link.unsent(self._now_ms())

    def _take_pair(self, pair: VoicePair) -> None:
        want = self._wants().get(pair.guild_id)
        room_exists = want is None or self._chat.voice_room(pair.guild_id, want.channel_id) is not None
        room = self._chat.voice_room(pair.guild_id, pair.channel_id)
        is_stage = room is not None and room.is_stage
        moved_to = self._guild(pair.guild_id).pair(pair, room_exists, is_stage=is_stage)
        if moved_to and want:
            self._sessions.follow_move(want.session, moved_to)

    def _wants(self) -> dict[int, Want]:
        """Server → session that wants her there; one that was just left keeps her while its sound fades."""
        now_ms = self._now_ms()
        held = [c for c in self._sessions.all if c.intent.guild_id and self._keeps(c, now_ms)]
        held.sort(key=lambda c: c.intent.wanted)  # a new session comes before one that leaves
        return {c.intent.guild_id: Want(c.session, c.intent.voice_channel_id, c.link_revision) for c in held}

    def _keeps(self, conversation: Conversation, now_ms: int) -> bool:
        if conversation.intent.wanted:
            return True
        is_fading = conversation.phase in (Phase.ACTIVE, Phase.STOPPING)
        return is_fading and conversation.leaving_for_ms(now_ms) < FADE_MS

    def _publish(self, wants: dict[int, Want]) -> None:
        links = {want.session: self._guilds[guild_id].link() for guild_id, want in wants.items()}
        for session, link in links.items():
            if link is not None and self._told.get(session) != link:
                self._told[session] = link
                self._bus.set_state(TOPIC, link, session)
        for session in self._told.keys() - {c.session for c in self._sessions.all}:
            del self._told[session]
            self._bus.clear_state(TOPIC, session)

    def _guild(self, guild_id: int) -> GuildLink:
        return self._guilds.setdefault(guild_id, GuildLink(guild_id, self._joins_per_minute))

    def _now_ms(self) -> int:
        return self._bus.clock.mono_ns() // 1_000_000
