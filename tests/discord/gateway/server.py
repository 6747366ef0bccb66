"""The main gateway's WebSocket: HELLO, IDENTIFY, RESUME, heartbeats, commands.

Source: "Gateway" and "Gateway Events" of Discord's documentation, API version 10. Close codes as there.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.discord.faults import Point
from tests.discord.gateway.compression import STREAMS
from tests.discord.gateway.intents import ALL, GUILD_MEMBERS, PRIVILEGED
from tests.discord.gateway.sessions import Connection, Session, guild_json_for
from tests.discord.wire import Closing, Wire
from tests.discord.world.model import Application, Guild, Json
from tests.discord.world.payloads import application_flags, member_json, own_user_json

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

MESSAGE_MAX_BYTES = 4_096
"""Longer ones from a client end its connection with 4002."""


class Gateway:
    """Accepts connections of bots and keeps their sessions."""

    def __init__(self, discord: "Loopback") -> None:
        self._discord = discord
        self._identified_at = float("-inf")
        self._connections: set[Connection] = set()

    @property
    def connections(self) -> list[Connection]:
        """Those open now."""
        return [connection for connection in self._connections if connection.wire.is_open]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection from HELLO to its end."""
        socket = web.WebSocketResponse(timeout=1.0, max_msg_size=1 << 20)
        await socket.prepare(request)
        stream = STREAMS.get(request.query.get("compress", ""))
        connection = Connection(Wire(socket, request.transport), stream() if stream else None)
        self._connections.add(connection)
        pump = asyncio.create_task(connection.wire.pump())
        conversation = Conversation(self._discord, self, connection)
        try:
            await conversation.run(socket)
        except Closing as closing:
            connection.wire.close(closing.code, closing.reason)
            await pump
        finally:
            pump.cancel()
            self._connections.discard(connection)
            conversation.over(connection.wire.close_code or socket.close_code or 1006, socket.close_code)
        return socket

    def may_identify(self) -> bool:
        """Counts an IDENTIFY; False if it comes too soon after the last one."""
        now = time.monotonic()
        soon = now - self._identified_at < self._discord.rules.identify_interval_s
        self._identified_at = now
        return not soon


class Conversation:
    """What is said on one connection."""

    def __init__(self, discord: "Loopback", gateway: Gateway, connection: Connection) -> None:
        self._discord = discord
        self._gateway = gateway
        self._connection = connection
        self._session: Session | None = None
        self._commands: deque[float] = deque(maxlen=discord.rules.gateway_commands_per_minute)
        self._beat_by = 0.0
        self._ops: dict[int, Callable[[Any], None]] = {
            1: self._heartbeat,
            2: self._identify,
            3: self._presence,
            4: self._voice,
            6: self._resume,
            8: self._request_members,
        }

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Reads until the client closes.

        Raises:
            Closing: the client has broken a rule.
        """
        interval_s = self._discord.rules.heartbeat_interval_s
        self._connection.send(10, {"heartbeat_interval": int(interval_s * 1000), "_trace": []})
        self._beat_by = time.monotonic() + interval_s * 1.5
        while True:
            try:
                message = await socket.receive(timeout=max(0.0, self._beat_by - time.monotonic()))
            except TimeoutError:
                raise Closing(4009, "Session timed out.") from None
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            self._take(message.data)

    def over(self, code: int, client_code: int | None) -> None:
        """The connection has ended; `client_code` decides what becomes of the session."""
        self._discord.journal.gateway_closes.append(code)
        if self._session:
            kept_s = self._discord.rules.session_kept_s
            ours = self._connection.wire.close_code
            self._discord.sessions.lost(self._session, self._connection, ours or client_code or 1006, kept_s)

    def _take(self, raw: str | bytes) -> None:
        try:
            data = json.loads(raw)
            op, body = data["op"], data.get("d")
        except (ValueError, KeyError, TypeError):
            raise Closing(4002, "Error while decoding payload.") from None
        if len(raw) > MESSAGE_MAX_BYTES:
            raise Closing(4002, "Error while decoding payload.")
        self._count_command()
        act = self._ops.get(op)
        if act is None:
            raise Closing(4001, "Unknown opcode.")
        if self._session is None and op not in (1, 2, 6):
            raise Closing(4003, "Not authenticated.")
        try:
            act(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Closing(4002, "Error while decoding payload.") from None

    def _count_command(self) -> None:
        now = time.monotonic()
        if len(self._commands) == self._commands.maxlen and now - self._commands[0] < 60:
            raise Closing(4008, "Rate limited.")
        self._commands.append(now)

    def _heartbeat(self, _: object) -> None:
        self._beat_by = time.monotonic() + self._discord.rules.heartbeat_interval_s * 1.5
        self._connection.send(11, None)

    def _identify(self, body: Json) -> None:
        if self._session is not None:
            raise Closing(4005, "Already authenticated.")
        application = self._authenticated(body["token"])
        intents = int(body["intents"])
        self._check_intents(intents, application)
        self._discord.journal.identifies += 1
        if self._discord.journal.identifies > self._discord.rules.identify_budget:
            application.token = ""
            raise Closing(4004, "Authentication failed.")
        fault = self._discord.faults.strikes(Point.IDENTIFY)
        if fault and fault.code:
            raise Closing(fault.code, "A fault on demand.")
        if fault and fault.do == "silence":
            return
        if not self._gateway.may_identify() or fault:
            self._connection.send(9, False)
            return
        self._open(application, intents)
        if "presence" in body:
            self._presence(body["presence"])

    def _authenticated(self, token: str) -> Application:
        for application in self._discord.world.applications.values():
            if token and token.removeprefix("Bot ") == application.token:
                return application
        raise Closing(4004, "Authentication failed.")

    @staticmethod
    def _check_intents(intents: int, application: Application) -> None:
        if intents & ~ALL:
            raise Closing(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~application.privileged_intents:
            raise Closing(4014, "Disallowed intent(s).")

    def _open(self, application: Application, intents: int) -> None:
        session = self._session = Session(application, intents, connection=self._connection)
        self._discord.sessions.alive[session.id] = session
        guilds = list(self._discord.world.guilds_of(session.bot))
        session.send("READY", self._ready_json(session, guilds))
        for guild in guilds:
            if guild.available:
                session.send("GUILD_CREATE", guild_json_for(session, guild))

    def _ready_json(self, session: Session, guilds: list[Guild]) -> Json:
        return {
            "v": 10,
            "user": own_user_json(session.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self._discord.gateway_url,
            "session_type": "normal",
            "private_channels": [],
            "application": {
                "id": str(session.application.id),
                "flags": application_flags(session.application),
            },
        }

    def _resume(self, body: Json) -> None:
        if self._session is not None:
            raise Closing(4005, "Already authenticated.")
        application = self._authenticated(body["token"])
        fault = self._discord.faults.strikes(Point.RESUME)
        if fault and fault.code:
            raise Closing(fault.code, "A fault on demand.")
        session = self._discord.sessions.alive.get(body["session_id"])
        if session is None or session.application is not application or fault:
            self._connection.send(9, False)
            return
        if session.ending:
            session.ending.cancel()
        if session.connection:
            session.connection.wire.close(4000, "Resumed elsewhere.")
        session.connection = self._connection
        if not session.replay(int(body["seq"])):
            session.connection = None
            self._discord.sessions.end(session)
            raise Closing(4007, "Invalid seq.")
        self._session = session
        self._discord.journal.resumes += 1
        session.send("RESUMED", {"_trace": []})

    def _presence(self, body: Json) -> None:
        self._discord.journal.presences.append(body)

    def _voice(self, body: Json) -> None:
        assert self._session is not None
        self._discord.switchboard.wish(
            self._session,
            int(body["guild_id"]),
            int(body["channel_id"]) if body["channel_id"] is not None else None,
            self_mute=bool(body.get("self_mute")),
            self_deaf=bool(body.get("self_deaf")),
        )

    def _request_members(self, body: Json) -> None:
        session = self._session
        assert session is not None
        guild = self._discord.world.guilds[int(body["guild_id"])]
        wanted = [str(id_) for id_ in _as_list(body.get("user_ids", []))]
        query, limit = body.get("query"), int(body.get("limit", 0))
        if query == "" and not limit and not session.intents & GUILD_MEMBERS:
            raise Closing(4014, "Disallowed intent(s).")
        found = [
            member_json(member)
            for member in guild.members.values()
            if str(member.user.id) in wanted
            or (query is not None and (member.nick or member.user.name).lower().startswith(query.lower()))
        ]
        chunk: Json = {
            "guild_id": str(guild.id),
            "members": found[:limit] if limit else found,
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [id_ for id_ in wanted if int(id_) not in guild.members],
        }
        session.send("GUILD_MEMBERS_CHUNK", chunk | ({"nonce": body["nonce"]} if body.get("nonce") else {}))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
