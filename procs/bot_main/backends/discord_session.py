"""One login to Discord: the library's client, whose events become words of ours in the order they came."""

import asyncio
import contextlib
import logging
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import discord

from procs.bot_main.backends.discord_events import Eyes, Someone
from procs.bot_main.backends.discord_interactions import Interactions
from procs.bot_main.backends.discord_pace import Pace
from procs.bot_main.backends.discord_permissions import BITS, SCOPES
from procs.bot_main.backends.discord_rest import Patience, Rest
from procs.bot_main.backends.discord_voice_link import VoiceLinks
from procs.bot_main.core.chat import (
    ChatEvent,
    Deleted,
    Edited,
    GuildGone,
    Incoming,
    Online,
    Person,
    VoiceRoomChanged,
)

_log = logging.getLogger("discord.miku")
HELD = 500
"""Events between READY and the moment all guilds are known; the oldest are dropped."""
PEOPLE = 1_000
"""Authors remembered, since without the members intent Discord tells of nobody else."""
SESSION_LIVES_ON = 4000
"""Close code. After 1000 or 1001 Discord ends the session at once, and her voice with it."""
FAREWELL_S = 1.0
Notify = Callable[[ChatEvent], None]


def members_in_charge(team: discord.Team) -> frozenset[int]:
    """User ids of those in the application's team who may change it: who was only invited, or may only read,
    is no owner. Source: "Teams" of Discord's developer documentation."""
    accepted = [one for one in team.members if one.membership_state is discord.TeamMembershipState.accepted]
    in_charge = {one.id for one in accepted if one.role is not discord.TeamMemberRole.read_only}
    return frozenset(in_charge | ({team.owner_id} if team.owner_id else set()))


class TooOften(Exception):
    """So many sessions have begun that the next one must wait for long."""


def intents(*, reads_messages: bool) -> discord.Intents:
    """What she asks to be told; only the content of messages is a privileged intent."""
    return discord.Intents(
        guilds=True,
        guild_messages=True,
        dm_messages=True,
        voice_states=True,
        message_content=reads_messages,
    )


class Session(discord.Client):
    """A client that tells."""

    def __init__(
        self,
        notify: Notify,
        *,
        reads_messages: bool,
        connector: aiohttp.BaseConnector,
        interactions: Interactions,
        pace: Pace,
        patience: Patience,
        activity: discord.BaseActivity | None,
    ) -> None:
        super().__init__(
            intents=intents(reads_messages=reads_messages),
            connector=connector,
            activity=activity,
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=patience.guilds_s,
            chunk_guilds_at_startup=False,
        )
        self.rest = Rest(self.http, patience)
        self.voices = VoiceLinks(self._tell)
        self.people: OrderedDict[tuple[int, int], Person] = OrderedDict()
        """(guild, user) → as they were seen last."""
        self.authors: OrderedDict[int, int] = OrderedDict()
        """Message → who wrote it."""
        self.eyes = Eyes(self, frozenset())
        self.is_away = asyncio.Event()
        """Set when a lost connection was not resumed in time."""
        self._notify = notify
        self._interactions = interactions
        self._pace = pace
        self._patience = patience
        self._code = "" if reads_messages else "discord_intent_missing"
        self._held: deque[ChatEvent] | None = deque(maxlen=HELD)
        self._blip: asyncio.TimerHandle | None = None

    async def setup_hook(self) -> None:
        """Behind the login: who owns her."""
        application = self.application
        if application is not None:
            team = application.team
            self.eyes = Eyes(self, members_in_charge(team) if team else frozenset({application.owner.id}))

    async def hang_up(self) -> None:
        """Close so that the gateway session, and her voice with it, lives on for a successor."""
        self._stay()
        with contextlib.suppress(Exception):
            if self.ws is not None and self.ws.open:
                await asyncio.wait_for(self.ws.close(SESSION_LIVES_ON), FAREWELL_S)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.close(), FAREWELL_S)

    @property
    def invite_url(self) -> str:
        """Where an administrator adds her to a guild."""
        permissions = discord.Permissions(BITS)
        return discord.utils.oauth_url(self.application_id or 0, permissions=permissions, scopes=SCOPES)

    def present_guilds(self) -> list[discord.Guild]:
        """Guilds that are there now."""
        return [guild for guild in self.guilds if not guild.unavailable]

    # --- the connection -----------------------------------------------------------------------------

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait for what is left of the distance between two IDENTIFYs, and no longer.

        Raises:
            TooOften: that is long.
        """
        loop = asyncio.get_running_loop()
        pause_s = self._pace.pause_s(loop.time())
        if self._pace.is_sparing(loop.time()) and pause_s > self._patience.identify_s:
            raise TooOften
        await asyncio.sleep(pause_s)
        self._pace.note(loop.time())

    async def on_connect(self) -> None:
        """READY: everything told before is void; events wait until all guilds are known."""
        self._stay()
        self.voices.clear()
        self._held = deque(maxlen=HELD)

    async def on_ready(self) -> None:
        for guild in self.guilds:
            await self.voices.register(guild)
        guild_ids = tuple(guild.id for guild in self.present_guilds())
        user = self.user
        assert user is not None
        held, self._held = self._held or (), None
        self._notify(Online(user.id, user.name, guild_ids, self._code, self.invite_url))
        for event in held:
            self._notify(event)
        if isinstance(shown := self.activity, discord.BaseActivity):
            # The library's IDENTIFY carries it in a form of older days.
            with contextlib.suppress(OSError):
                await self.change_presence(activity=shown)

    async def on_resumed(self) -> None:
        self._stay()

    async def on_disconnect(self) -> None:
        self.expect(self._patience.blip_s)

    def expect(self, within_s: float) -> None:
        """She is away unless READY or RESUMED comes in this time; a server may also keep silent."""
        if self._blip is None:
            self._blip = asyncio.get_running_loop().call_later(within_s, self.is_away.set)

    def _stay(self) -> None:
        if self._blip is not None:
            self._blip.cancel()
            self._blip = None

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """One event that can't be read costs nothing but itself; the library would log its content."""
        kind = sys.exc_info()[0]
        _log.warning("discord: %s failed by %s", event_method, kind.__name__ if kind else "nothing")

    def _tell(self, event: ChatEvent) -> None:
        if self._held is None:
            self._notify(event)
        else:
            self._held.append(event)

    # --- messages -----------------------------------------------------------------------------------

    async def on_message(self, message: discord.Message) -> None:
        if self.eyes.is_a_persons(message):
            self._tell(self.read(message))

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """New words only: a link that unfolds changes a message too."""
        message, before = payload.message, payload.cached_message
        is_same = before is not None and before.content == message.content
        if message.edited_at is not None and not is_same and self.eyes.is_a_persons(message):
            self._tell(Edited(self.read(message)))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self._tell(Deleted(payload.channel_id, (payload.message_id,)))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        self._tell(Deleted(payload.channel_id, tuple(sorted(payload.message_ids))))

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        invoked = await self._interactions.acknowledge(
            self.rest, interaction, lambda: self.remember(interaction.user)
        )
        if invoked is not None:
            self._tell(invoked)

    def read(self, message: discord.Message) -> Incoming:
        """A message of a person. Those of the past come without rights: who was seen since has them."""
        incoming = self.eyes.incoming(message)
        self.authors[message.id] = message.author.id
        while len(self.authors) > PEOPLE:
            self.authors.popitem(last=False)
        known = self.people.get((incoming.guild_id, message.author.id))
        if known is not None and not isinstance(message.author, discord.Member):
            return replace(incoming, author=known)
        self.remember(message.author)
        return incoming

    def remember(self, someone: Someone) -> Person:
        """Somebody as they are seen now."""
        person = self.eyes.person(someone)
        guild_id = someone.guild.id if isinstance(someone, discord.Member) else 0
        self.people[guild_id, someone.id] = person
        self.people.move_to_end((guild_id, someone.id))
        while len(self.people) > PEOPLE:
            self.people.popitem(last=False)
        return person

    # --- places -------------------------------------------------------------------------------------

    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        if before.channel != after.channel:
            self._tell(VoiceRoomChanged(member.guild.id))

    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        await self._room_changed(channel)

    async def on_guild_channel_update(self, _: object, channel: discord.abc.GuildChannel) -> None:
        await self._room_changed(channel)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._room_changed(channel)

    async def _room_changed(self, channel: discord.abc.GuildChannel) -> None:
        if isinstance(channel, discord.VoiceChannel | discord.StageChannel):
            await self.voices.register(channel.guild)
            self._tell(VoiceRoomChanged(channel.guild.id))

    async def on_guild_role_update(self, _: object, role: discord.Role) -> None:
        self._tell(VoiceRoomChanged(role.guild.id))

    async def on_member_update(self, _: object, member: discord.Member) -> None:
        if self.user is not None and member.id == self.user.id:
            self._tell(VoiceRoomChanged(member.guild.id))

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self._guild_is_there(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._guild_is_there(guild)

    async def _guild_is_there(self, guild: discord.Guild) -> None:
        await self.voices.register(guild)
        self._tell(VoiceRoomChanged(guild.id))

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.voices.forget(guild.id)
        self._tell(GuildGone(guild.id))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.voices.forget(guild.id)
        self._tell(GuildGone(guild.id))
