"""The whole Discord, put together: one address for REST, gateway and files, one more per voice server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.discord.certificate import Authority
from tests.discord.faults import Faults
from tests.discord.gateway.server import Gateway
from tests.discord.gateway.sessions import Sessions
from tests.discord.happenings import Happenings
from tests.discord.journal import Journal
from tests.discord.rest.server import API, Rest
from tests.discord.rules import Rules
from tests.discord.voice.switchboard import Switchboard
from tests.discord.world.model import Channel
from tests.discord.world.world import World

SHUTDOWN_S = 0.2
"""Clients that are still connected at the end get no longer than this."""


class Loopback:
    """Everything; listens on 127.0.0.1 only."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.world = World()
        self.journal = Journal()
        self.faults = Faults()
        self.sessions = Sessions()
        self.authority = Authority()
        self.gateway = Gateway(self)
        self.switchboard = Switchboard(self)
        self.port = 0
        self._runners: list[web.AppRunner] = []
        self._context = self.authority.server_context()
        self.happenings: Happenings

    @property
    def api_base(self) -> str:
        """What clients call the HTTP API."""
        return f"https://localhost:{self.port}{API}"

    @property
    def gateway_url(self) -> str:
        """What clients call the main gateway."""
        return f"wss://localhost:{self.port}/gateway/"

    @property
    def cdn(self) -> str:
        """Where uploaded files are."""
        return f"https://localhost:{self.port}/cdn"

    @staticmethod
    def now_ns() -> int:
        """Monotonic."""
        return time.monotonic_ns()

    @staticmethod
    def wall_ns() -> int:
        """As the kernel stamps packets."""
        return time.time_ns()

    async def start(self, port: int = 0) -> None:
        """Opens all ports; 0 = any free one."""
        app = web.Application(client_max_size=self.rules.upload_max_bytes * self.rules.attachments_max)
        Rest(self).add_to(app)
        app.router.add_get("/gateway/", self.gateway.handle)
        self.port = await self.serve(app, port)
        self.happenings = Happenings(self.world, self.sessions, self.journal, self.rules, self.cdn)
        for server in self.switchboard.servers:
            await server.start()

    async def serve(self, app: web.Application, port: int = 0) -> int:
        """Serves one application over TLS on loopback; the port."""
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=self._context).start()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Closes everything; clients are cut off."""
        for connection in self.gateway.connections:
            connection.wire.cut()
        for seat in list(self.switchboard.seats.values()):
            if seat.connection and seat.connection.wire:
                seat.connection.wire.cut()
        self.sessions.close()
        for server in self.switchboard.servers:
            server.stop()
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))

    def delete_channel(self, channel: Channel) -> None:
        """A channel is deleted; whoever is connected to it is put out."""
        guild = channel.guild
        assert guild is not None
        for state in [one for one in guild.voice_states.values() if one.channel is channel]:
            self.switchboard.put_out(guild, state.user)
        self.happenings.channel_deleted(channel)


@asynccontextmanager
async def running(rules: Rules | None = None) -> AsyncIterator[Loopback]:
    """A Discord for the length of a block."""
    discord = Loopback(rules)
    await discord.start()
    try:
        yield discord
    finally:
        await discord.stop()
