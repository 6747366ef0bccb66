"""What is said on one WebSocket of the voice gateway: HELLO, IDENTIFY, RESUME, SPEAKING, DAVE.

Source: "Voice Connections" and "Opcodes and Status Codes" of Discord's documentation, gateway version 8.
"""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.discord.faults import Point
from tests.discord.voice.connection import VoiceConnection
from tests.discord.wire import Closing, Wire

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback
    from tests.discord.voice.server import VoiceServer


class VoiceConversation:
    """What is said on one WebSocket of the voice gateway."""

    def __init__(self, discord: "Loopback", server: "VoiceServer", wire: Wire) -> None:
        self._discord = discord
        self._server = server
        self._wire = wire
        self._connection: VoiceConnection | None = None
        self._beat_by = 0.0
        self._ops: dict[int, Callable[[Any], None]] = {
            0: self._identify,
            1: self._select_protocol,
            3: self._heartbeat,
            5: self._speaking,
            7: self._resume,
            23: self._transition_ready,
            31: self._invalid_commit,
        }

    async def run(self, ws: web.WebSocketResponse) -> None:
        """Reads until the client closes.

        Raises:
            Closing: the client has broken a rule.
        """
        interval_s = self._discord.rules.voice_heartbeat_interval_s
        self._say(8, {"v": 8, "heartbeat_interval": interval_s * 1000})
        self._beat_by = time.monotonic() + interval_s * 1.5
        while True:
            try:
                message = await ws.receive(timeout=max(0.0, self._beat_by - time.monotonic()))
            except TimeoutError:
                raise Closing(4009, "Session timeout.") from None
            if message.type is WSMsgType.TEXT:
                self._take(message.data)
            elif message.type is WSMsgType.BINARY:
                self._take_binary(message.data)
            else:
                return

    def over(self, code: int) -> None:
        """The WebSocket is closed; a code that ends the session ends the connection with it."""
        self._discord.journal.voice_closes.append(code)
        connection = self._connection
        if connection is None or connection.wire is not self._wire:
            return
        if (code < 4_000 and code != 1_000) or code == 4_015:
            connection.lost(self._discord.rules.voice_session_kept_s)
        else:
            connection.wire = None
            connection.end()

    def _say(self, op: int, data: Any) -> None:
        self._wire.send(json.dumps({"op": op, "d": data}))

    def _take(self, raw: str) -> None:
        try:
            message = json.loads(raw)
            op, body = message["op"], message["d"]
        except (ValueError, KeyError, TypeError):
            raise Closing(4002, "Failed to decode payload.") from None
        act = self._ops.get(op)
        if act is None:
            raise Closing(4001, "Unknown opcode.")
        if self._connection is None and op not in (0, 3, 7):
            raise Closing(4003, "Not authenticated.")
        try:
            act(body)
        except (KeyError, TypeError, ValueError):
            raise Closing(4002, "Failed to decode payload.") from None

    def _take_binary(self, raw: bytes) -> None:
        if self._connection is None:
            raise Closing(4003, "Not authenticated.")
        try:
            self._connection.dave(raw[0], raw[1:])
        except (ValueError, IndexError):
            raise Closing(4002, "Failed to decode payload.") from None

    def _heartbeat(self, body: dict[str, Any]) -> None:
        self._beat_by = time.monotonic() + self._discord.rules.voice_heartbeat_interval_s * 1.5
        self._say(6, {"t": body["t"]})

    def _identify(self, body: dict[str, Any]) -> None:
        if self._connection is not None:
            raise Closing(4005, "Already authenticated.")
        fault = self._discord.faults.strikes(Point.VOICE_IDENTIFY)
        if fault and fault.code:
            raise Closing(fault.code, "A fault on demand.")
        if fault:
            return
        seat = self._discord.switchboard.identified(self._server, body)
        version = int(body.get("max_dave_protocol_version", 0))
        if self._discord.switchboard.room(seat.state.channel).group and not version:
            raise Closing(4017, "E2EE/DAVE protocol required.")
        if seat.connection:
            seat.connection.close(4006, "Session is no longer valid.")
            seat.connection.end()
        connection = self._connection = seat.connection = self._server.connect(
            lambda ssrc: VoiceConnection(self._discord, seat, ssrc, self._wire, min(version, 1))
        )
        connection.send_json(
            2,
            {
                "ssrc": connection.ssrc,
                "ip": "127.0.0.1",
                "port": self._server.udp_port,
                "modes": list(self._discord.rules.voice_modes),
                "experiments": [],
                "streams": [],
            },
        )

    def _select_protocol(self, body: dict[str, Any]) -> None:
        assert self._connection is not None
        if body["protocol"] != "udp":
            raise Closing(4012, "Unknown protocol.")
        if body["data"]["mode"] not in self._discord.rules.voice_modes:
            raise Closing(4016, "Unknown encryption mode.")
        self._connection.select(body["data"]["mode"])

    def _speaking(self, body: dict[str, Any]) -> None:
        connection = self._connection
        assert connection is not None
        if int(body["ssrc"]) != connection.ssrc:
            raise Closing(4020, "Invalid SSRC.")
        connection.has_spoken_up = True
        connection.speaking = int(body["speaking"])
        connection.room.speaking(connection.user_id, connection.ssrc, connection.speaking)

    def _resume(self, body: dict[str, Any]) -> None:
        if self._connection is not None:
            raise Closing(4005, "Already authenticated.")
        fault = self._discord.faults.strikes(Point.VOICE_RESUME)
        seat = self._discord.switchboard.identified(self._server, body)
        connection = seat.connection
        if fault or connection is None or connection.is_over:
            raise Closing(fault.code if fault else 4006, "Session is no longer valid.")
        self._connection = connection
        connection.resumed(self._wire)
        connection.replay(int(body.get("seq_ack", -1)))
        self._say(9, None)

    def _transition_ready(self, body: dict[str, Any]) -> None:
        connection = self._connection
        assert connection is not None
        if connection.room.group:
            connection.room.group.transition_ready(connection.user_id, int(body["transition_id"]))

    def _invalid_commit(self, body: dict[str, Any]) -> None:
        connection = self._connection
        assert connection is not None
        int(body["transition_id"])
        if connection.room.group:
            connection.room.group.invalid(connection.user_id)
