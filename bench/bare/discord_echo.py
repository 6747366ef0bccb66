"""The floor in Discord: the library alone, which sends a packet of sound as soon as it sees a message.

`python -m bench.bare.discord_echo API_BASE GATEWAY TOKEN CHANNEL`: joins the voice channel of that id and
answers each message with twenty frames of a tone, paced by the library's own player. Trusts SSL_CERT_FILE.
"""

import asyncio
import io
import sys

import discord
import numpy as np
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord.tone import tone
from tests.discord.voice import opus


class Echo(discord.Client):
    """A bot of ten lines."""

    def __init__(self, channel_id: int) -> None:
        super().__init__(intents=discord.Intents.all(), guild_ready_timeout=0.05)
        self._channel_id = channel_id
        self._sound = np.repeat(tone(440, 0.4), 2).tobytes()
        self._voice: discord.VoiceClient | None = None

    async def on_ready(self) -> None:
        channel = self.get_channel(self._channel_id)
        assert isinstance(channel, discord.VoiceChannel)
        self._voice = await channel.connect()
        print("ready", flush=True)

    async def on_message(self, message: discord.Message) -> None:
        if not message.author.bot and self._voice and not self._voice.is_playing():
            self._voice.play(discord.PCMAudio(io.BytesIO(self._sound)))


def main(api_base: str, gateway: str, token: str, channel: str) -> None:
    """Run until killed."""
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = api_base, yarl.URL(gateway)
    opus.load()
    asyncio.run(Echo(int(channel)).start(token))


if __name__ == "__main__":
    main(*sys.argv[1:])
