"""A voice client without manners: says to a voice server exactly what a test wants, in the order it wants.

For what the client library never does: both encryption modes, resumes, broken rules.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.discord.loopback import Loopback
from tests.discord.voice.aead import MODES
from tests.discord.voice.switchboard import Seat

XCHACHA = "aead_xchacha20_poly1305_rtpsize"
AES_GCM = "aead_aes256_gcm_rtpsize"
TIMEOUT_S = 5.0


class RawVoice:
    """One connection to a voice server."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, seat: Seat, udp: socket.socket) -> None:
        self._ws = ws
        self._seat = seat
        self._udp = udp
        self.ready: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.seq = -1
        self._sequence = 0
        self._sent = 0

    async def say(self, op: int, data: Any) -> None:
        """A JSON message."""
        await self._ws.send_json({"op": op, "d": data})

    async def next(self, op: int) -> Any:
        """The data of the next message with this op."""
        while True:
            message = await asyncio.wait_for(self._ws.receive(), TIMEOUT_S)
            if message.type is aiohttp.WSMsgType.BINARY:
                (self.seq,) = struct.unpack_from(">H", message.data)
                continue
            assert message.type is aiohttp.WSMsgType.TEXT, message
            data = json.loads(message.data)
            self.seq = data.get("seq", self.seq)
            if data["op"] == op:
                return data["d"]

    async def closed_with(self) -> int | None:
        """The code the server closes with."""
        while not self._ws.closed:
            await asyncio.wait_for(self._ws.receive(), TIMEOUT_S)
        return self._ws.close_code

    @property
    def credentials(self) -> dict[str, Any]:
        """For IDENTIFY; RESUME takes them too."""
        state = self._seat.state
        assert state.channel.guild is not None
        return {
            "server_id": str(state.channel.guild.id),
            "user_id": str(state.user.id),
            "session_id": state.session_id,
            "token": self._seat.token,
        }

    async def identify(self, dave: int = 1, **other: Any) -> None:
        """IDENTIFY, up to READY."""
        await self.say(0, self.credentials | {"max_dave_protocol_version": dave} | other)
        self.ready = await self.next(2)

    async def discover(self) -> tuple[str, int]:
        """IP discovery: our address as the server sees it."""
        self._udp.connect((self.ready["ip"], self.ready["port"]))
        packet = struct.pack(">HHI", 1, 70, self.ready["ssrc"]).ljust(74, b"\0")
        await asyncio.get_running_loop().sock_sendall(self._udp, packet)
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 128), TIMEOUT_S)
        assert struct.unpack_from(">HHI", answer) == (2, 70, self.ready["ssrc"])
        return answer[8:72].rstrip(b"\0").decode(), struct.unpack_from(">H", answer, 72)[0]

    async def select(self, mode: str = XCHACHA) -> None:
        """SELECT_PROTOCOL, up to the key."""
        address, port = await self.discover()
        data = {"address": address, "port": port, "mode": mode}
        await self.say(1, {"protocol": "udp", "data": data})
        self.description = await self.next(4)

    async def speaking(self, flags: int = 1) -> None:
        """SPEAKING; returns when the server has taken it in."""
        await self.say(5, {"speaking": flags, "delay": 0, "ssrc": self.ready["ssrc"]})
        await self.beat()

    async def beat(self) -> None:
        """A heartbeat and its answer: everything before it has arrived."""
        await self.say(3, {"t": 1, "seq_ack": self.seq})
        await self.next(6)

    def send(self, payload: bytes, late: int = 0, skip: int = 0, counter: int | None = None) -> None:
        """A voice packet; `late` is added to its timestamp, `skip` leaves sequence numbers out, `counter` is
        another nonce than the next."""
        self._sequence += 1 + skip
        self._sent += 1
        timestamp = self._sequence * 960 + late
        header = struct.pack(">BBHII", 0x80, 0x78, self._sequence, timestamp, self.ready["ssrc"])
        cipher = MODES[self.description["mode"]](bytes(self.description["secret_key"]))
        self._udp.send(cipher.seal(header, payload, self._sent if counter is None else counter))

    def send_raw(self, datagram: bytes) -> None:
        """Any packet."""
        self._udp.send(datagram)

    async def receive(self) -> bytes:
        """The next packet from the server."""
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 2048), TIMEOUT_S)


@asynccontextmanager
async def raw_voice(loopback: Loopback, seat: Seat) -> AsyncIterator[RawVoice]:
    """A connection to the seat's server, after HELLO."""
    connector = aiohttp.TCPConnector(ssl=loopback.authority.client_context())
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"wss://{seat.server.endpoint}/?v=8") as ws,
    ):
        voice = RawVoice(ws, seat, udp)
        await voice.next(8)
        yield voice
    udp.close()
