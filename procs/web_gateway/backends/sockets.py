"""The WebSocket routes: who may come in, and how many at once.

Sources: RFC 6455; aiohttp's server WebSockets. Dead TCP peers are found by its protocol pings (`heartbeat`).
"""

import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from procs.web_gateway.backends.browsers import Browsers
from procs.web_gateway.backends.call import Call
from procs.web_gateway.backends.connection import Connection
from procs.web_gateway.backends.guard import PRINCIPAL, Guard, open_to_all
from procs.web_gateway.backends.visit import ChatVisit, Visit
from procs.web_gateway.core.access import Principal, network
from procs.web_gateway.core.dialect import V1, Chat
from procs.web_gateway.core.intake import FRAME_LIMIT_BYTES

TCP_PING_S = 30.0
"""Protocol ping; aiohttp waits half of it for the pong: dead at 45 s."""

SEND_BUFFER_BYTES = 128 * 1024
"""Kernel's share of what waits: 1.4 s of sound at 48 kHz; more would hide that a client is slow."""

PER_ADDRESS = 16
"""Connections at once from one address."""


class Sockets:
    """Both routes.

    Args:
        max_connections: at once, of all clients.
    """

    def __init__(self, browsers: Browsers, guard: Guard, max_connections: int) -> None:
        self._browsers = browsers
        self._guard = guard
        self._max_connections = max_connections
        self._addresses: Counter[str] = Counter()

    def add_routes(self, app: web.Application) -> None:
        """For `make_app`."""
        app.router.add_get("/ws", self._ws)
        app.router.add_get("/ws/chat", self._chat)

    @property
    def n_connections(self) -> int:
        """Open connections."""
        return self._addresses.total()

    @open_to_all  # its credential may still come in hello
    async def _ws(self, request: web.Request) -> web.StreamResponse:
        call = self._resumed(request) if "resume" in request.query else None
        who = None if call else self._who(request)
        if call is None and who is None and not self._may_say_hello(request):
            raise web.HTTPUnauthorized(text="Ask for a new link: ./miku link\n")

        def serve(ws: web.WebSocketResponse, connection: Connection) -> Visit:
            return Visit(self._browsers, self._guard, request, ws, connection, who, call)

        return await self._serve(request, V1(16_000), serve)

    @open_to_all  # judged here: it may be a link
    async def _chat(self, request: web.Request) -> web.StreamResponse:
        who = self._who(request)
        if who is None:
            raise web.HTTPUnauthorized(text="Ask for a new link: ./miku link\n")
        dialect = Chat()

        def serve(ws: web.WebSocketResponse, connection: Connection) -> Visit:
            return ChatVisit(self._browsers, self._guard, request, ws, connection, who, dialect)

        return await self._serve(request, dialect, serve)

    def _resumed(self, request: web.Request) -> Call:
        """The call of a ticket; who comes back to one is never given another one instead.

        Raises:
            HTTPGone: the ticket is no good (any more).
        """
        if call := self._browsers.redeem(request.query["resume"]):
            return call
        text = "This ticket was used, is older than 30 s, or its session is over. For a new one: "
        raise web.HTTPGone(text=f"{text}POST /sessions/ID/reconnect\n")

    def _who(self, request: web.Request) -> Principal | None:
        if PRINCIPAL in request:
            return request[PRINCIPAL]
        token = request.query.get("token", "")
        found = self._guard.redeem(request, token) if token else None
        if token and found is None:
            raise web.HTTPUnauthorized(text="This link was used, or is older than 5 minutes.\n")
        return found

    def _may_say_hello(self, request: web.Request) -> bool:
        """Whether the credential may come in `hello`: foreign clients only, which are no pages."""
        self._guard.check_lockout(request)
        return self._guard.takes_foreign_clients and "Origin" not in request.headers

    async def _serve(
        self,
        request: web.Request,
        dialect: V1 | Chat,
        serve: Callable[[web.WebSocketResponse, Connection], Visit],
    ) -> web.StreamResponse:
        address = network(request.remote or "")
        if self.n_connections >= self._max_connections or self._addresses[address] >= PER_ADDRESS:
            raise web.HTTPServiceUnavailable(text="Too many connections. Close another tab.\n")
        self._addresses[address] += 1
        try:
            ws = web.WebSocketResponse(
                heartbeat=TCP_PING_S, max_msg_size=FRAME_LIMIT_BYTES, compress=False, timeout=2.0
            )
            await ws.prepare(request)
            await serve(ws, Connection(ws, dialect, _limit_buffer(request))).run()
            return ws
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]


def _limit_buffer(request: web.Request) -> Callable[[], None]:
    """Bound what the kernel keeps for a connection; returns what tears it down."""
    transport = request.transport
    if transport is None:
        return lambda: None
    if raw := transport.get_extra_info("socket"):
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return transport.abort
