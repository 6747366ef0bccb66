"""Clients of the two voice stubs, and their sound as frames."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import numpy as np
import zmq
import zmq.asyncio

from bus.audio import FRAME_BYTES

TRIGGERS = tuple(".!?,")
"""Where the voice behind the WebSocket cuts by itself."""

PIECE = re.compile(r".{8,}?,|.*?[.!?]")
"""Where requests are cut: a clause of some length, or a sentence."""

Tokens = "asyncio.Queue[dict[str, Any]]"
"""A turn's tokens; the last one is empty."""

Speak = Callable[[int, Any], AsyncIterator[bytes]]
"""(session, tokens) → float32 mono at 48 kHz."""


class Straight:
    """Tokens as they come, one connection per session."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._sockets: dict[int, aiohttp.ClientWebSocketResponse] = {}

    async def speak(self, session: int, tokens: Any) -> AsyncIterator[bytes]:
        """Sound, segment by segment; texts end with a trigger."""
        if session not in self._sockets:
            self._sockets[session] = await self._http.ws_connect(self._url, max_msg_size=0)
        socket = self._sockets[session]
        turn = _Segments()
        sender = asyncio.create_task(turn.send(socket, tokens))
        while not (turn.complete and not turn.n_due):
            if turn.n_due:
                yield await socket.receive_bytes()
                turn.n_due -= 1
            else:
                turn.news.clear()
                await turn.news.wait()
        await sender


class _Segments:
    """What the voice still owes."""

    def __init__(self) -> None:
        self.n_due = 0
        self.complete = False
        self.news = asyncio.Event()

    async def send(self, socket: aiohttp.ClientWebSocketResponse, tokens: Any) -> None:
        while text := (await tokens.get())["text"]:
            self.n_due += text.endswith(TRIGGERS)
            await socket.send_str(json.dumps({"token": text, "pitch_shift": 0}))
            self.news.set()
        self.complete = True
        self.news.set()


class Sentences:
    """A request per piece, one connection per session."""

    def __init__(self, context: zmq.asyncio.Context, url: str) -> None:
        self._context = context
        self._url = url
        self._sockets: dict[int, zmq.asyncio.Socket] = {}
        self._ids = itertools.count()

    async def speak(self, session: int, tokens: Any) -> AsyncIterator[bytes]:
        """Sound, piece by piece."""
        if session not in self._sockets:
            self._sockets[session] = self._context.socket(zmq.DEALER)
            self._sockets[session].connect(self._url)
        buffer = ""
        while text := (await tokens.get())["text"]:
            buffer += text
            while found := PIECE.match(buffer):
                buffer = buffer[found.end() :]
                async for sound in self._request(self._sockets[session], found[0].strip()):
                    yield sound

    async def _request(self, socket: zmq.asyncio.Socket, text: str) -> AsyncIterator[bytes]:
        request = {"v": 1, "op": "say", "id": f"{next(self._ids)}", "text": text}
        await socket.send(json.dumps(request).encode())
        while True:
            header, payload = await socket.recv_multipart()
            yield payload
            if json.loads(header)["last"]:
                return


async def frames_of(sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """float32 in, `int16[960]` (20 ms) out, the last one filled up."""
    rest = b""
    async for data in sound:
        rest += (np.frombuffer(data, "<f4").clip(-1, 1) * 32767).astype("<i2").tobytes()
        while len(rest) >= FRAME_BYTES:
            yield rest[:FRAME_BYTES]
            rest = rest[FRAME_BYTES:]
    if rest:
        yield rest.ljust(FRAME_BYTES, b"\0")
