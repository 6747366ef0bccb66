"""The sessions of all bots: who gets which event, and what waits for a RESUME.

A session outlives its connection. A close with 1000 or 1001 ends it at once, anything else leaves it for
`Rules.session_kept_s`, during which its events are kept.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.discord.gateway.compression import Pack
from tests.discord.gateway.intents import GUILD_MEMBERS, GUILD_PRESENCES, wants
from tests.discord.wire import Wire
from tests.discord.world.model import Application, Channel, Guild, Json, User
from tests.discord.world.payloads import guild_create_json
from tests.discord.world.permissions import Permission, may

KEPT = 1_000
"""Events a session keeps for a resume; a client further behind must start anew."""


class Connection:
    """One WebSocket of a client, with the compression it asked for."""

    def __init__(self, wire: Wire, pack: Pack | None) -> None:
        self.wire = wire
        self._pack = pack

    def send(self, op: int, data: object, seq: int | None = None, event: str | None = None) -> None:
        """One gateway message."""
        self.send_text(json.dumps({"op": op, "d": data, "s": seq, "t": event}))

    def send_text(self, text: str) -> None:
        """A message that is JSON already."""
        self.wire.send(self._pack(text) if self._pack else text)


@dataclass(eq=False)
class Session:
    """One identified client."""

    application: Application
    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    connection: Connection | None = None
    seq: int = 0
    kept: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    ending: asyncio.TimerHandle | None = None

    @property
    def bot(self) -> User:
        """Whose session this is."""
        return self.application.bot

    def send(self, event: str, data: object) -> None:
        """Dispatches an event: now, or when the client is back."""
        self.seq += 1
        text = json.dumps({"op": 0, "d": data, "s": self.seq, "t": event})
        self.kept.append((self.seq, text))
        if self.connection:
            self.connection.send_text(text)

    def replay(self, after: int) -> bool:
        """Sends again what came after `after`; False if that is no longer known."""
        if after > self.seq or (self.kept and after < self.kept[0][0] - 1):
            return False
        for seq, text in self.kept:
            if seq > after and self.connection:
                self.connection.send_text(text)
        return True


class Sessions:
    """All sessions that are alive, connected or not."""

    def __init__(self) -> None:
        self.alive: dict[str, Session] = {}
        self.on_end: list[Callable[[Session], None]] = []

    def of(self, bot: User) -> list[Session]:
        """The sessions of one bot, oldest first."""
        return [session for session in self.alive.values() if session.bot is bot]

    def lost(self, session: Session, connection: Connection, code: int, keep_s: float) -> None:
        """The session's connection is gone, closed by the client with `code` or lost."""
        if session.connection is not connection:
            return
        session.connection = None
        if code in (1000, 1001):
            self.end(session)
        else:
            session.ending = asyncio.get_running_loop().call_later(keep_s, self.end, session)

    def end(self, session: Session) -> None:
        """Forgets the session and everything that hangs on it."""
        if self.alive.pop(session.id, None) is None:
            return
        if session.ending:
            session.ending.cancel()
        for tell in self.on_end:
            tell(session)

    def close(self) -> None:
        """No session waits any longer; for the end of the whole thing."""
        for session in list(self.alive.values()):
            self.end(session)

    def tell_guild(self, guild: Guild, event: str, data: Json | Callable[[Session], Json]) -> None:
        """Tells the bots of a guild that want to know."""
        for session in self._in(guild):
            if wants(session.intents, event, in_dm=False):
                session.send(event, data(session) if callable(data) else data)

    def tell_channel(self, channel: Channel, event: str, data: Json | Callable[[Session], Json]) -> None:
        """Tells the bots that may look into a channel and want to know."""
        for session in list(self.alive.values()):
            sees = may(session.bot, channel, Permission.VIEW_CHANNEL)
            if sees and wants(session.intents, event, in_dm=channel.guild is None):
                session.send(event, data(session) if callable(data) else data)

    def _in(self, guild: Guild) -> list[Session]:
        return [session for session in self.alive.values() if session.bot.id in guild.members]


def guild_json_for(session: Session, guild: Guild) -> Json:
    """GUILD_CREATE for one session; all members only with both member intents."""
    both = GUILD_MEMBERS | GUILD_PRESENCES
    return guild_create_json(guild, session.bot, with_all_members=session.intents & both == both)
