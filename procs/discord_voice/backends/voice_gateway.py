"""The voice gateway: discord.py's voice client without its client, and its WebSocket.

Of the library comes what is hard: the gateway's messages and end-to-end encryption (DAVE). Its UDP reader
thread is not used, and it never connects by itself.

Source: "Voice Connections" of Discord's developer documentation, gateway version 8.
"""

import asyncio
import logging
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import discord.voice_client
from discord.gateway import DiscordVoiceWebSocket

from bus.errors import BackendError
from bus.messages import VoiceLink
from procs.discord_voice.backends.udp_path import discover

logging.getLogger("discord").setLevel(logging.WARNING)  # below that it writes tokens into the log

CLOSE_S = 1.0
"""For the closing handshake; a dead server does not hold anybody up."""
MESSAGE_LIMIT_BYTES = 1 << 20
"""Of the voice gateway; the largest real ones (a welcome to a big group) have some ten kilobytes."""
HEARTBEAT_MIN_MS = 1_000
"""Whatever the server says: with less, a thread would do nothing but beat."""
_CLIENTS_CONNECT, _CLIENT_DISCONNECT, _RESUMED = 11, 13, 9


class Http:
    """Where WebSockets come from, for all connections of the process.

    Args:
        ca_file: certificates to trust besides the system's and those of `SSL_CERT_FILE`; empty = none.

    Raises:
        BackendError: the file can't be used.
    """

    def __init__(self, ca_file: str = "") -> None:
        context = ssl.create_default_context()
        try:
            if ca_file:
                context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BackendError("sink_failed", f"discord.ca_file can't be used: {error}") from None
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), trust_env=True)

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        """What discord.py asks of its HTTP client; compression is left out, the messages are tiny."""
        del compress
        return await self._session.ws_connect(
            url,
            autoclose=False,
            max_msg_size=MESSAGE_LIMIT_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )

    async def close(self) -> None:
        """No more of them."""
        await self._session.close()


class VoiceSocket(DiscordVoiceWebSocket):
    """The WebSocket; sees who else is there, and looks for its address more than once."""

    resumed = False

    async def received_message(self, msg: dict[str, Any]) -> None:
        """Take a message in."""
        if msg["op"] == self.HELLO:
            if self._keep_alive is not None:
                return  # one more thread would beat for ever
            msg["d"]["heartbeat_interval"] = max(HEARTBEAT_MIN_MS, msg["d"]["heartbeat_interval"])
        await super().received_message(msg)
        self.resumed |= msg["op"] == _RESUMED
        others: set[int] = self._connection.voice_client.others  # type: ignore[attr-defined]
        if msg["op"] == _CLIENTS_CONNECT:
            others.update(int(user) for user in msg["d"]["user_ids"])
        elif msg["op"] == _CLIENT_DISCONNECT:
            others.discard(int(msg["d"]["user_id"]))

    async def discover_ip(self) -> tuple[str, int]:
        """Address and port under which the server sees us."""
        return await discover(self._connection.socket, self._connection.ssrc)


class VoiceClient(discord.VoiceClient):
    """discord.py's voice client; `others` are the user ids in the channel besides ours.

    Raises:
        BackendError: encryption is not installed (`voice_dave_missing`).
    """

    def __init__(self, link: VoiceLink, http: Http) -> None:
        loop = asyncio.get_running_loop()
        user = SimpleNamespace(id=link.user_id)
        client = SimpleNamespace(_connection=SimpleNamespace(loop=loop, user=user, http=http))
        channel = SimpleNamespace(id=link.channel_id, guild=SimpleNamespace(id=link.guild_id))
        try:
            super().__init__(client, channel)  # type: ignore[arg-type]
        except RuntimeError as error:
            has_dave: bool = discord.voice_client.has_dave  # type: ignore[attr-defined]
            code = "sink_failed" if has_dave else "voice_dave_missing"
            raise BackendError(code, str(error)) from None
        self.others: set[int] = set()
        state = self._connection
        state._socket_reader.stop()
        state.session_id, state.token = link.voice_session_id, link.token
        state.server_id, state.endpoint = link.guild_id, link.endpoint.removeprefix("wss://")
