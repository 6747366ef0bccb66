"""Who is in which voice channel, and on which server: OP 4 and everything else that moves people."""

import secrets
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

from tests.discord.faults import Fault, Point
from tests.discord.gateway.sessions import Session
from tests.discord.journal import Wish
from tests.discord.voice.connection import VoiceConnection
from tests.discord.voice.room import Room
from tests.discord.voice.server import VoiceServer
from tests.discord.wire import Closing
from tests.discord.world.model import Channel, Guild, Kind, User, VoiceState
from tests.discord.world.payloads import voice_state_json
from tests.discord.world.permissions import Permission, may

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

SERVERS = 2
"""Enough to change from one to another."""
DISCONNECTED = 4014


@dataclass(eq=False)
class Seat:
    """A bot's place in a voice channel, and the key to a voice server."""

    state: VoiceState
    session: Session
    server: VoiceServer
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    is_used: bool = False
    connection: VoiceConnection | None = None


class Switchboard:
    """All voice channels."""

    def __init__(self, discord: "Loopback") -> None:
        self._discord = discord
        self.servers = [VoiceServer(discord) for _ in range(SERVERS)]
        self._next_server = cycle(self.servers)
        self._rooms: dict[int, Room] = {}
        self.seats: dict[tuple[int, int], Seat] = {}
        """By guild and bot."""
        discord.sessions.on_end.append(self._session_ended)

    def room(self, channel: Channel) -> Room:
        """What goes on in a voice channel."""
        if channel.id not in self._rooms:
            self._rooms[channel.id] = Room(channel, self._discord.faults, dave=self._discord.rules.dave)
        return self._rooms[channel.id]

    @property
    def rooms(self) -> list[Room]:
        """Those that were ever used."""
        return list(self._rooms.values())

    def wish(
        self, session: Session, guild_id: int, channel_id: int | None, *, self_mute: bool, self_deaf: bool
    ) -> None:
        """OP 4. What cannot be done is not answered."""
        at_ns = self._discord.now_ns()
        outcome = self._wish(session, guild_id, channel_id, self_mute, self_deaf)
        self._discord.journal.wishes.append(Wish(at_ns, guild_id, channel_id, outcome))

    def _wish(
        self, session: Session, guild_id: int, channel_id: int | None, self_mute: bool, self_deaf: bool
    ) -> str:
        fault = self._discord.faults.strikes(Point.OP4)
        guild = self._discord.world.guilds.get(guild_id)
        if fault and fault.do == "swallow":
            return "swallowed"
        if guild is None or session.bot.id not in guild.members or not guild.available:
            return "unknown guild"
        if channel_id is None:
            return "left" if self.put_out(guild, session.bot) else "was not there"
        channel = guild.channels.get(channel_id)
        if channel is None or not channel.kind.is_vocal:
            return "unknown channel"
        refusal = self._refusal(session.bot, channel)
        if refusal:
            return refusal
        return self._seat(session, channel, self_mute, self_deaf, fault)

    @staticmethod
    def _refusal(user: User, channel: Channel) -> str:
        assert channel.guild is not None
        if not may(user, channel, Permission.VIEW_CHANNEL | Permission.CONNECT):
            return "no permission"
        inside = [state.user for state in channel.guild.voice_states.values() if state.channel is channel]
        is_full = channel.user_limit and user not in inside and len(inside) >= channel.user_limit
        return "full" if is_full and not may(user, channel, Permission.MOVE_MEMBERS) else ""

    def _seat(
        self, session: Session, channel: Channel, self_mute: bool, self_deaf: bool, fault: Fault | None
    ) -> str:
        assert channel.guild is not None
        old = self.seats.get((channel.guild.id, session.bot.id))
        if old and old.state.channel is channel and old.session is session:
            old.state.self_mute, old.state.self_deaf = self_mute, self_deaf
            self.tell_state(old.state)
            if self._discord.rules.repeats_voice_server:
                self.tell_server(old)
            return "same"
        session_id = old.state.session_id if old and old.session is session else secrets.token_hex(16)
        state = VoiceState(session.bot, channel, session_id, self_mute, self_deaf)
        state.suppress = channel.kind is Kind.STAGE and not may(session.bot, channel, Permission.MUTE_MEMBERS)
        self._sit(Seat(state, session, next(self._next_server)), old, fault)
        return "moved" if old else "joined"

    def _sit(self, seat: Seat, old: Seat | None, fault: Fault | None = None) -> None:
        guild = seat.state.channel.guild
        assert guild is not None
        self.seats[guild.id, seat.state.user.id] = seat
        guild.voice_states[seat.state.user.id] = seat.state
        self.tell_state(seat.state)
        if fault is None:
            self.tell_server(seat)
        elif fault.do == "no_endpoint":
            self.tell_server(seat, endpoint=None)
        if old and old.connection:
            old.connection.close(DISCONNECTED, "Disconnected.")
            old.connection.end()

    def tell_state(self, state: VoiceState, *, gone: bool = False) -> None:
        """VOICE_STATE_UPDATE to the guild."""
        assert state.channel.guild is not None
        data = voice_state_json(state, gone=gone)
        self._discord.sessions.tell_guild(state.channel.guild, "VOICE_STATE_UPDATE", data)

    @staticmethod
    def tell_server(seat: Seat, endpoint: str | None = "") -> None:
        """VOICE_SERVER_UPDATE to the session that sits there; an endpoint of None = wait for another."""
        assert seat.state.channel.guild is not None
        data = {
            "token": seat.token,
            "guild_id": str(seat.state.channel.guild.id),
            "endpoint": seat.server.endpoint if endpoint == "" else endpoint,
        }
        seat.session.send("VOICE_SERVER_UPDATE", data)

    def identified(self, server: VoiceServer, body: dict[str, Any]) -> Seat:
        """The seat that a voice IDENTIFY or RESUME is for.

        Raises:
            Closing: server, session or token are not those of a seat.
        """
        guild_id = int(body["server_id"])
        seats = [seat for (guild, _), seat in self.seats.items() if guild == guild_id]
        if not seats:
            raise Closing(4011, "Server not found.")
        seat = next((one for one in seats if one.state.session_id == body["session_id"]), None)
        if seat is None or seat.server is not server:
            raise Closing(4006, "Session is no longer valid.")
        if not secrets.compare_digest(seat.token, body["token"]):
            raise Closing(4004, "Authentication failed.")
        if "user_id" in body:
            if int(body["user_id"]) != seat.state.user.id:
                raise Closing(4004, "Authentication failed.")
            if seat.is_used and self._discord.rules.single_use_voice_tokens:
                raise Closing(4006, "Session is no longer valid.")
            seat.is_used = True
        return seat

    def put_out(self, guild: Guild, user: User, code: int = DISCONNECTED) -> bool:
        """Somebody is in no voice channel any longer: left, kicked, or the channel is gone."""
        state = guild.voice_states.pop(user.id, None)
        if state is None:
            return False
        seat = self.seats.pop((guild.id, user.id), None)
        self.tell_state(state, gone=True)
        if seat is None:
            self.room(state.channel).remove_listener(user.id)
        elif seat.connection:
            seat.connection.close(code, "Disconnected.")
            seat.connection.end()
        return True

    def bring_in(self, channel: Channel, user: User) -> None:
        """A person comes into a voice channel, from another one or from outside."""
        assert channel.guild is not None
        self.put_out(channel.guild, user)
        state = VoiceState(user, channel, secrets.token_hex(16))
        channel.guild.voice_states[user.id] = state
        self.room(channel).add_listener(user.id)
        self.tell_state(state)

    def move(self, guild: Guild, user: User, channel: Channel | None) -> None:
        """Somebody is moved to another channel, or out of voice."""
        seat = self.seats.get((guild.id, user.id))
        if channel is None:
            self.put_out(guild, user)
        elif seat is None:
            self.bring_in(channel, user)
        else:
            self._seat(seat.session, channel, seat.state.self_mute, seat.state.self_deaf, None)

    def change_server(
        self, guild: Guild, user: User, *, null_first: bool = True, code: int = DISCONNECTED
    ) -> None:
        """The channel is served from elsewhere now: a new endpoint and token, the old connection closed."""
        old = self.seats[guild.id, user.id]
        seat = Seat(old.state, old.session, self._other(old.server))
        self.seats[guild.id, user.id] = seat
        if null_first:
            self.tell_server(seat, endpoint=None)
        if old.connection:
            old.connection.close(code, "Disconnected.")
            old.connection.end()
        self.tell_server(seat)

    def _other(self, server: VoiceServer) -> VoiceServer:
        return next(one for one in self.servers if one is not server)

    def _session_ended(self, session: Session) -> None:
        for (guild_id, _), seat in list(self.seats.items()):
            if seat.session is session:
                self.put_out(self._discord.world.guilds[guild_id], session.bot)
