"""A voice server: the voice gateway's WebSocket (TLS) and the UDP port beside it."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from tests.discord.faults import Point
from tests.discord.voice.connection import VoiceConnection
from tests.discord.voice.conversation import VoiceConversation
from tests.discord.voice.rtp import DISCOVERY_BYTES, KEEPALIVE_BYTES, parse
from tests.discord.wire import Closing, Wire

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

VERSION = "8"
RECEIVE_BYTES = 2_048
SO_TIMESTAMPNS = 35
"""Linux: the kernel tells when a packet came in."""
TIMESPEC = struct.Struct("@qq")
SOCKET_BUFFER_BYTES = 1 << 20
"""Room for bursts while the event loop is busy elsewhere."""


class VoiceServer:
    """One of Discord's voice servers, at an address of its own."""

    def __init__(self, discord: "Loopback") -> None:
        self._discord = discord
        self.connections: dict[int, VoiceConnection] = {}
        """By SSRC."""
        self._ssrc = 1_000
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = 0
        """Of the WebSocket."""
        self.strays = 0
        """Packets that belong to no connection."""

    @property
    def endpoint(self) -> str:
        """As VOICE_SERVER_UPDATE names it."""
        return f"localhost:{self.port}"

    @property
    def udp_port(self) -> int:
        """Where packets go."""
        return int(self._udp.getsockname()[1])

    async def start(self) -> None:
        """Opens both ports."""
        self._udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        self._udp.bind(("127.0.0.1", 0))
        self._udp.setblocking(False)
        asyncio.get_running_loop().add_reader(self._udp, self._read)
        app = web.Application()
        app.router.add_get("/", self._handle)
        self.port = await self._discord.serve(app)

    def stop(self) -> None:
        """Closes the UDP port and ends all sessions."""
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        for connection in list(self.connections.values()):
            connection.end()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("v") != VERSION:
            raise web.HTTPBadRequest(text="voice gateway version 8 only")
        ws = web.WebSocketResponse(timeout=1.0)
        await ws.prepare(request)
        wire = Wire(ws, request.transport)
        pump = asyncio.create_task(wire.pump())
        conversation = VoiceConversation(self._discord, self, wire)
        try:
            await conversation.run(ws)
        except Closing as closing:
            wire.close(closing.code, closing.reason)
            await pump
        finally:
            pump.cancel()
            conversation.over(wire.close_code or ws.close_code or 1006)
        return ws

    def connect(self, make: Callable[[int], VoiceConnection]) -> VoiceConnection:
        """A new connection with the next SSRC."""
        self._ssrc += 1
        connection = self.connections[self._ssrc] = make(self._ssrc)
        return connection

    def send(self, packet: bytes, address: tuple[str, int]) -> None:
        """A packet to a client."""
        self._udp.sendto(packet, address)

    def _read(self) -> None:
        while True:
            try:
                datagram, extras, _, address = self._udp.recvmsg(RECEIVE_BYTES, 64)
            except BlockingIOError:
                return
            self._take(datagram, _arrival_ns(extras), address)

    def _take(self, datagram: bytes, at_ns: int, address: tuple[str, int]) -> None:
        if len(datagram) == DISCOVERY_BYTES and datagram[:2] == b"\0\1":
            self._discover(datagram, address)
        elif len(datagram) == KEEPALIVE_BYTES:
            self._keep_alive(datagram, address)
        else:
            self._rtp(datagram, at_ns, address)

    def _discover(self, datagram: bytes, address: tuple[str, int]) -> None:
        (ssrc,) = struct.unpack_from(">I", datagram, 4)
        connection = self.connections.get(ssrc)
        if connection is None or connection.is_lost(Point.UDP_IN) or connection.is_lost(Point.DISCOVERY):
            return
        connection.address = address
        told = struct.pack(">HHI64sH", 2, 70, ssrc, address[0].encode(), address[1])
        self._udp.sendto(told, address)

    def _keep_alive(self, datagram: bytes, address: tuple[str, int]) -> None:
        for connection in self.connections.values():
            if connection.address == address and not connection.is_lost(Point.UDP_IN):
                connection.room.of(connection.user_id).keepalives += 1
                self._udp.sendto(datagram, address)

    def _rtp(self, datagram: bytes, at_ns: int, address: tuple[str, int]) -> None:
        packet = parse(datagram)
        connection = self.connections.get(packet.ssrc) if packet else None
        if packet is None or connection is None or connection.is_over or connection.address != address:
            self.strays += 1
        elif not connection.is_lost(Point.UDP_IN):
            connection.packet(packet, datagram, at_ns)


def _arrival_ns(extras: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extras:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIMESPEC.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()
