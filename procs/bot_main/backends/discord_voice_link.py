"""Miku's voice as the gateway tells it: raw payloads become a `VoicePair` per guild.

The library hands the two payloads to a `VoiceProtocol` that is registered for the guild, and forgets it at
every READY. This one connects to nothing: another process does, with what it is told here.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import discord

from procs.bot_main.core.chat import ChatEvent, VoicePair

Json = dict[str, Any]


class VoiceLinks:
    """The newest pair of every guild."""

    def __init__(self, tell: Callable[[ChatEvent], None]) -> None:
        self._tell = tell
        self._pairs: dict[int, VoicePair] = {}

    def clear(self) -> None:
        """A new session: what was told before belongs to a dead one."""
        self._pairs.clear()

    def forget(self, guild_id: int) -> None:
        """The guild is gone, and her voice there with it."""
        self._pairs.pop(guild_id, None)

    async def register(self, guild: discord.Guild) -> None:
        """Have the guild's payloads handed over; without any voice channel there are none."""
        rooms = [*guild.voice_channels, *guild.stage_channels]
        if rooms and guild.voice_client is None:
            with contextlib.suppress(discord.ClientException):  # registered by somebody else meanwhile
                await rooms[0].connect(cls=self._forwarder, reconnect=False)

    def _forwarder(self, client: discord.Client, channel: discord.abc.Connectable) -> "Forwarder":
        return Forwarder(client, channel, self)

    def state(self, guild_id: int, data: Json) -> None:
        """VOICE_STATE_UPDATE of hers. Out of voice the pair is over; a server that came first is kept."""
        user_id, channel_id = int(data["user_id"]), int(data.get("channel_id") or 0)
        if channel_id:
            known = self._pairs.get(guild_id, VoicePair(guild_id, user_id, 0))
            pair = replace(
                known,
                user_id=user_id,
                channel_id=channel_id,
                voice_session_id=str(data.get("session_id") or ""),
                is_muted=bool(data.get("mute")),
                is_suppressed=bool(data.get("suppress")),
            )
            self._pairs[guild_id] = pair
        else:
            self._pairs.pop(guild_id, None)
            pair = VoicePair(guild_id, user_id, 0)
        self._tell(pair)

    def server(self, guild_id: int, user_id: int, data: Json) -> None:
        """VOICE_SERVER_UPDATE; an endpoint of null = wait for another one."""
        known = self._pairs.get(guild_id, VoicePair(guild_id, user_id, 0))
        endpoint, token = str(data.get("endpoint") or ""), str(data.get("token") or "")
        pair = self._pairs[guild_id] = replace(known, endpoint=endpoint, token=token)
        if pair.channel_id:
            self._tell(pair)


class Forwarder(discord.VoiceProtocol):
    """Stands where the library expects a voice client."""

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable, links: VoiceLinks) -> None:
        super().__init__(client, channel)
        self._links = links
        self._guild_id = channel._get_voice_client_key()[0]

    async def on_voice_state_update(self, data: Any, /) -> None:
        self._links.state(self._guild_id, data)

    async def on_voice_server_update(self, data: Any, /) -> None:
        user = self.client.user
        self._links.server(self._guild_id, user.id if user else 0, data)

    async def connect(self, **_: Any) -> None:
        """Nothing: OP 4 is asked for elsewhere."""

    async def disconnect(self, *, force: bool) -> None:
        """Nothing: the library calls this when the client closes, and voice is to survive that."""
        self.cleanup()
