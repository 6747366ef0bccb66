"""A bot as a test sees it: what it did, where it is, and what is done to it."""

from typing import TYPE_CHECKING, Any

from tests.discord.director.place import Place
from tests.discord.voice.connection import VoiceConnection
from tests.discord.voice.switchboard import DISCONNECTED, Seat
from tests.discord.world.model import Application, Json, Message, Pings, Role, User

if TYPE_CHECKING:
    from tests.discord.director.director import Director

RECONNECT, INVALID_SESSION = 7, 9


class Bot:
    """One bot."""

    def __init__(self, director: "Director", application: Application) -> None:
        self._director = director
        self.application = application

    @property
    def user(self) -> User:
        """The bot's user."""
        return self.application.bot

    @property
    def token(self) -> str:
        """The secret it logs in with."""
        return self.application.token

    @property
    def mention(self) -> str:
        """How to name the bot in a text."""
        return f"<@{self.user.id}>"

    @property
    def is_online(self) -> bool:
        """Whether it has a connected session."""
        return any(session.connection for session in self._director.discord.sessions.of(self.user))

    @property
    def presence(self) -> Json:
        """What it said last about itself: status and activities."""
        presences = self._director.journal.presences
        return presences[-1] if presences else {}

    @property
    def sent(self) -> list[Message]:
        """Its messages in order, also deleted and ephemeral ones."""
        return [one for one in self._director.journal.sent if one.author is self.user]

    @property
    def texts(self) -> list[str]:
        """The same, text only."""
        return [message.content for message in self.sent]

    @property
    def pings(self) -> list[Pings]:
        """Every notification that people got from any bot or webhook."""
        return [ping.pings for ping in self._director.journal.pings]

    @property
    def commands(self) -> list[Json]:
        """What it has registered, everywhere and in guilds."""
        return [command for commands in self.application.commands.values() for command in commands]

    @property
    def voice(self) -> str | None:
        """Name of the voice channel it is seen in."""
        state = self.user and next((seat.state for seat in self._seats()), None)
        return state.channel.name if state else None

    @property
    def is_connected(self) -> bool:
        """Whether it is also connected to the voice server, ready to send."""
        return any(
            seat.connection and seat.connection.mode and seat.connection.wire for seat in self._seats()
        )

    @property
    def nick(self) -> str | None:
        """Its nickname in the first of its guilds."""
        guild = next(self._director.discord.world.guilds_of(self.user))
        return guild.members[self.user.id].nick

    @property
    def avatar(self) -> str | None:
        """Mark of its picture, another one for each picture; None before the first."""
        return self.user.avatar

    def _seats(self) -> list[Seat]:
        seats = self._director.discord.switchboard.seats
        return [seat for (_, user), seat in seats.items() if user == self.user.id]

    @property
    def _seat(self) -> Seat:
        return self._seats()[0]

    @property
    def _connection(self) -> VoiceConnection:
        connection = self._seat.connection
        assert connection is not None
        return connection

    def is_granted(self, privileged: int) -> None:
        """Its privileged intents in the developer portal are these from its next login on."""
        self.application.privileged_intents = privileged

    def is_invited(self, guild: str) -> None:
        """It comes into one more guild."""
        self._director.discord.happenings.joined(self._director.guild(guild), self.user)

    def is_given(self, role: Role) -> None:
        """Gets a role."""
        for guild in self._director.discord.world.guilds_of(self.user):
            if role.id in guild.roles:
                guild.members[self.user.id].role_ids.append(role.id)
                self._director.discord.happenings.member_changed(guild, guild.members[self.user.id])

    def is_moved(self, place: Place | str) -> None:
        """A moderator moves it to another voice channel."""
        channel = self._director.find_place(place).channel
        assert channel.guild is not None
        self._director.discord.switchboard.move(channel.guild, self.user, channel)

    def is_kicked(self) -> None:
        """A moderator disconnects it from voice."""
        guild = self._seat.state.channel.guild
        assert guild is not None
        self._director.discord.switchboard.put_out(guild, self.user)

    def is_muted(self, yes: bool = True) -> None:
        """A moderator mutes it: it may send what it wants, nobody hears it."""
        self._seat.state.mute = yes
        self._director.discord.switchboard.tell_state(self._seat.state)

    def is_removed(self, guild: str = "Home") -> None:
        """It is kicked from the guild altogether."""
        found = self._director.guild(guild)
        self._director.discord.switchboard.put_out(found, self.user)
        self._director.discord.happenings.left(found, self.user)

    def changes_server(self, null_first: bool = True, code: int = DISCONNECTED) -> None:
        """Its voice channel is served from elsewhere now."""
        guild = self._seat.state.channel.guild
        assert guild is not None
        self._director.discord.switchboard.change_server(guild, self.user, null_first=null_first, code=code)

    def voice_closes(self, code: int) -> None:
        """The voice server closes its connection with a code, and nothing else happens."""
        self._connection.close(code, "A fault on demand.")

    def voice_is_cut(self) -> None:
        """The TCP connection to the voice server is reset."""
        wire = self._connection.wire
        assert wire is not None
        wire.cut()

    def gateway_closes(self, code: int) -> None:
        """The main gateway closes its connections with a code."""
        for connection in self._connections():
            connection.wire.close(code, "A fault on demand.")

    def gateway_is_cut(self) -> None:
        """The TCP connections to the main gateway are reset."""
        for connection in self._connections():
            connection.wire.cut()

    def is_told_to_reconnect(self) -> None:
        """OP 7."""
        for connection in self._connections():
            connection.send(RECONNECT, None)

    def loses_session(self) -> None:
        """OP 9: its sessions are gone for good, and its place in voice with them."""
        for session in self._director.discord.sessions.of(self.user):
            connection, session.connection = session.connection, None
            self._director.discord.sessions.end(session)
            if connection:
                connection.send(INVALID_SESSION, False)

    def _connections(self) -> list[Any]:
        sessions = self._director.discord.sessions.of(self.user)
        return [session.connection for session in sessions if session.connection]
