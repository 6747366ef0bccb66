"""The floor, measured: how long the stubs themselves take, seen by a client that does nothing else.

Their timers wake late and their servers are Python too; what they cost beyond their schedule is no overhead
of a pipeline.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import urlsplit

import zmq
import zmq.asyncio
from aiohttp import ClientSession

from bench.figures import quantile
from bench.stubs import Stubs, Voice

BODY = b'{"messages": [{"role": "user", "content": "Hello"}], "stream": true}'


class Floor:
    """Asks the model's stub for a reply, then the voice's stub for the sound of its opening."""

    def __init__(self, stubs: Stubs) -> None:
        self._stubs = stubs
        self._opening = stubs.schedule.opening

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            address = urlsplit(self._stubs.llm_url)
            self._reader, self._writer = await asyncio.open_connection(address.hostname, address.port)
            exits.callback(self._writer.close)
            if self._stubs.voice is Voice.STRAIGHT:
                http = await exits.enter_async_context(ClientSession())
                self._websocket = await http.ws_connect(self._stubs.tts_url, max_msg_size=0)
            else:
                context = zmq.asyncio.Context()
                exits.callback(context.destroy, linger=0)
                self._dealer = context.socket(zmq.DEALER)
                self._dealer.connect(self._stubs.tts_url)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exits.aclose()

    async def ms(self) -> float:
        """From asking to the end of the first piece, plus from that text to its first sound."""
        sound = self._from_websocket if self._stubs.voice is Voice.STRAIGHT else self._from_link
        return (await self._text_ns() + await sound()) / 1e6

    async def _text_ns(self) -> int:
        began_ns = time.monotonic_ns()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: stub\r\nContent-Length: {len(BODY)}\r\n\r\n"
        self._writer.write(head.encode() + BODY)
        last_token = json.dumps(f" {self._opening.split()[-1]}")[2:].encode()
        await self._reader.readuntil(last_token)
        took_ns = time.monotonic_ns() - began_ns
        await self._reader.readuntil(b"[DONE]\n\n\r\n0\r\n\r\n")
        return took_ns

    async def _from_websocket(self) -> int:
        began_ns = time.monotonic_ns()
        await self._websocket.send_str(json.dumps({"token": self._opening}))
        await self._websocket.receive_bytes()
        return time.monotonic_ns() - began_ns

    async def _from_link(self) -> int:
        began_ns = time.monotonic_ns()
        await self._dealer.send(json.dumps({"v": 1, "op": "say", "id": "1", "text": self._opening}).encode())
        header, _ = await self._dealer.recv_multipart()
        took_ns = time.monotonic_ns() - began_ns
        while not json.loads(header)["last"]:
            header, _ = await self._dealer.recv_multipart()
        return took_ns


async def typical_floor_ms(stubs: Stubs) -> float:
    """The floor of stubs that nobody else uses."""
    async with Floor(stubs) as floor:
        return quantile([await floor.ms() for _ in range(10)], 0.5)
