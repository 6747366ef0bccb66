"""Serves the application on its address, for as long as the process lives.

A connection without a whole request takes a place and a file descriptor: there are only so many places,
and such connections are closed after a while, or at once where another one needs the place.

Sources: aiohttp's server (`web.AppRunner`), whose keep-alive time also counts from the start of a
connection to its first whole head; asyncio's transports and protocols.
"""

import asyncio
import resource
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from procs.web_gateway.core.access import network
from procs.web_gateway.core.places import Full, Place, makes_room

AGAIN_S = 2.0
"""Between two tries to get the port."""

SHUTDOWN_S = 1.0

HEAD_S = 10.0
"""A connection has so long for the whole head of its first request, and of every later one."""

PER_NETWORK = 64
"""Connections of one address: WebSockets, and a browser's six for each of some tabs."""

SPARE = 128
"""Connections besides WebSockets, of all addresses."""

REFUSAL = "Too many connections. Close another tab.\n"
_REFUSED = (
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    f"Content-Length: {len(REFUSAL)}\r\nConnection: close\r\n\r\n{REFUSAL}"
).encode()


class Site:
    """The HTTP server.

    Args:
        host, port: where; port 0 takes any free one.
        max_connections: WebSockets for which there is to be a place.
    """

    def __init__(self, app: web.Application, host: str, port: int, max_connections: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        n_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = max_connections + SPARE
        self._total = min(wanted, n_files // 2) if n_files != resource.RLIM_INFINITY else wanted
        self._places: dict[asyncio.Transport, Place] = {}
        """The one that rests for longest first."""
        self.bound = asyncio.Event()
        """Set while it is served."""
        app.middlewares.append(self._answering)

    async def run(self, tell: Callable[[str, str], None]) -> None:
        """Serve until cancelled; a port that is taken is tried again, and told (code, detail)."""
        runner = web.AppRunner(
            self._app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=HEAD_S
        )
        await runner.setup()
        server: asyncio.Server | None = None
        try:
            server = await self._bind(runner, tell)
            self.bound.set()
            await asyncio.Event().wait()
        finally:
            self.bound.clear()
            if server:
                server.close()
            await runner.cleanup()

    async def _bind(self, runner: web.AppRunner, tell: Callable[[str, str], None]) -> asyncio.Server:
        assert runner.server is not None, "it is set up"
        serve, loop, told = runner.server, asyncio.get_running_loop(), False
        while True:
            try:
                server = await loop.create_server(lambda: _Door(self, serve), self._host, self._port)
            except OSError as error:
                tell("port_taken", f"{self._host} port {self._port}: {error.strerror}")
                told = True
                await asyncio.sleep(AGAIN_S)
            else:
                if told:
                    tell("", "")
                return server

    def take(self, transport: asyncio.Transport) -> bool:
        """Give a new connection its place; False if every one is in use."""
        self._places = {known: place for known, place in self._places.items() if _is_open(known)}
        name = network(str((transport.get_extra_info("peername") or ("",))[0]))
        try:
            leaving = makes_room(self._places, name, PER_NETWORK, self._total)
        except Full:
            return False
        if leaving:
            del self._places[leaving]
            leaving.abort()
        self._places[transport] = Place(name)
        return True

    @web.middleware
    async def _answering(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Know which connections are in use; sending what a handler returned is none of it."""
        transport = request.transport
        place = self._places.get(transport) if transport else None
        if transport is None or place is None:
            return await handler(request)
        place.n_answering += 1
        try:
            return await handler(request)
        finally:
            place.n_answering -= 1
            if self._places.pop(transport, None):
                self._places[transport] = place  # it rests from now on


class _Door(asyncio.Protocol):
    """What a connection meets first: it is handed on to the server, or refused."""

    def __init__(self, site: Site, serve: Callable[[], asyncio.Protocol]) -> None:
        self._site = site
        self._serve = serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._site.take(transport):
            protocol = self._serve()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        else:
            transport.write(_REFUSED)
            transport.close()


def _is_open(transport: asyncio.Transport) -> bool:
    """Whether it holds a file descriptor; one that is closing does until all is sent."""
    return int(transport.get_extra_info("socket").fileno()) >= 0
