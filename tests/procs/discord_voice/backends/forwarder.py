"""What `bot_main` does for the voice: the unmodified client library, whose voice client only forwards."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import discord

from bus.messages import VoiceLink

Take = Callable[[VoiceLink], None]


class Forwarder(discord.VoiceProtocol):
    """Registered as the guild's voice; hands both payloads on."""

    switch: "Switch"

    async def on_voice_state_update(self, data: Any) -> None:
        self.switch.state(data)

    async def on_voice_server_update(self, data: Any) -> None:
        self.switch.server(data)

    async def connect(self, **how: Any) -> None:
        """OP 4 is the switch's business."""

    async def disconnect(self, *, force: bool) -> None:
        self.cleanup()


class Switch:
    """The voice link of one session in one guild."""

    def __init__(self, client: discord.Client, guild_id: int, take: Take) -> None:
        guild = client.get_guild(guild_id)
        assert guild is not None
        assert client.user is not None
        self._guild = guild
        self._take = take
        self._leaving = False
        self.n_renewed = 0
        self.link = VoiceLink(0, client.user.id, guild_id, 0)

    async def go(self, channel_id: int | None) -> None:
        """OP 4."""
        self._wanted = channel_id
        if channel_id and not self._guild.voice_client:
            channel = self._guild.get_channel(channel_id)
            assert isinstance(channel, discord.VoiceChannel | discord.StageChannel)
            bound = type("Bound", (Forwarder,), {"switch": self})
            await channel.connect(cls=bound)
        channel = self._guild.get_channel(channel_id) if channel_id else None
        await self._guild.change_voice_state(channel=channel)

    async def leave(self) -> None:
        """OP 4 for no channel; the guild's voice is free for another switch."""
        self._leaving = True
        await self._guild.change_voice_state(channel=None)
        if self._guild.voice_client:
            await self._guild.voice_client.disconnect(force=True)

    async def renew(self, dead_revision: int) -> None:
        """The credentials are dead: out and in again."""
        self.n_renewed += 1
        self.link = replace(
            self.link, link_revision=dead_revision + 1, voice_session_id="", endpoint="", token="", code=""
        )
        self._leaving = True
        await self._guild.change_voice_state(channel=None)
        await self._guild.change_voice_state(channel=self._guild.get_channel(self._wanted))

    def state(self, data: dict[str, Any]) -> None:
        if data["channel_id"] is None:
            if not self._leaving:
                self.tell(replace(self.link, channel_id=0, code="voice_kicked"))
            self._leaving = False
            return
        channel_id = int(data["channel_id"])
        self.tell(replace(self.link, channel_id=channel_id, voice_session_id=data["session_id"], code=""))

    def server(self, data: dict[str, Any]) -> None:
        self.tell(replace(self.link, endpoint=data["endpoint"] or "", token=data["token"]))

    def tell(self, link: VoiceLink) -> None:
        self.link = link
        self._take(link)
