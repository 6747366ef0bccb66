"""How the unmodified client library is pointed to a loopback Discord: two addresses, a trusted authority.

REST base and gateway are class attributes of discord.py. The authority comes in by the connector here; other
processes set `SSL_CERT_FILE` before they import aiohttp.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route

from tests.discord.loopback import Loopback


@contextmanager
def pointed_to(loopback: Loopback) -> Iterator[None]:
    """discord.py of this process talks to the loopback inside of the block."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = loopback.api_base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(loopback.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


def make_client(
    loopback: Loopback,
    intents: discord.Intents | None = None,
    client_class: type[discord.Client] = discord.Client,
) -> discord.Client:
    """A client that trusts the loopback's authority."""
    return client_class(
        intents=intents or discord.Intents.all(),
        connector=aiohttp.TCPConnector(ssl=loopback.authority.client_context()),
        guild_ready_timeout=0.05,
    )


@asynccontextmanager
async def online(client: discord.Client, token: str) -> AsyncIterator[discord.Client]:
    """The client, logged in and ready; closed at the end of the block.

    Raises what `Client.start` raises where the login is refused.
    """
    run = asyncio.create_task(client.start(token))
    ready = asyncio.create_task(_ready(client))
    try:
        await asyncio.wait({run, ready}, return_when=asyncio.FIRST_COMPLETED)
        if run.done():
            run.result()
        yield client
    finally:
        ready.cancel()
        await client.close()
        run.cancel()
        await asyncio.wait({run})
        _stop_heartbeats()


def _stop_heartbeats() -> None:
    """The library leaves threads of closed voice connections behind that would beat into a closed loop."""
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()


async def _ready(client: discord.Client) -> None:
    while not client.is_ready():
        await asyncio.sleep(0.005)
