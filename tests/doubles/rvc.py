"""A double of the RVC server: token WebSocket `/ws/stream`, `/health`, `/interrupt`, over real sockets.

It has no turns: text waits in a buffer per connection until a trigger or a flush, each segment is answered
with sound, and nothing says that all is said. Run it with `python -m tests.doubles.rvc --help`.
"""

import argparse
import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self

import numpy as np
from aiohttp import WSMsgType, web
from numpy.typing import NDArray

from tests.doubles.tone_voice import ToneVoice

TRIGGERS = frozenset(".!?。！？,;，、")
LONGEST_CHARS = 200

Cut = Callable[[bytes], Iterable[bytes]]


class Fault(Enum):
    """What happens to one segment."""

    NONE = auto()
    ERROR = auto()
    """An error message instead of sound."""
    RESET = auto()
    """The connection is torn down before any of its sound."""
    RESET_MIDWAY = auto()
    """The connection is torn down after half of its sound."""
    MUTE = auto()
    """No answer at all."""
    STALL = auto()
    """A wait of `stall_s` after half of its sound."""


def whole(blob: bytes) -> Iterable[bytes]:
    """A segment as one message, as the server does it."""
    return (blob,)


def parts(n_bytes: int) -> Cut:
    """A segment in messages of a fixed size, which may end inside a sample."""
    return lambda blob: (blob[at : at + n_bytes] for at in range(0, len(blob), n_bytes))


class RvcDouble:
    """The server; use it as an async context.

    Args:
        voice: what speaks, at 48 kHz.
        cut: how the sound of a segment becomes messages.
        shape: what happens to the samples before they leave.
        synthesis_s: time one segment takes.
    """

    def __init__(
        self,
        voice: ToneVoice | None = None,
        cut: Cut = whole,
        shape: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda samples: samples,
        synthesis_s: float = 0.0,
        port: int = 0,
    ) -> None:
        self.voice = voice or ToneVoice()
        self.cut = cut
        self.shape = shape
        self.synthesis_s = synthesis_s
        self.stall_s = 0.0
        self.faults: deque[Fault] = deque()
        """One per segment, in order; none = all is well."""
        self.warmed_up: bool | None = True
        """What health says; None = there is no health endpoint."""
        self.has_interrupt = True
        self.n_interrupts = 0
        self.tokens: list[str] = []
        """All text that arrived, on whichever connection."""
        self.pitch_shifts: set[float] = set()
        self.segments: list[str] = []
        """All that was spoken or would have been."""
        self.connections: list[web.WebSocketResponse] = []
        self._port = port
        self._speakers: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Address of the token socket."""
        return f"ws://127.0.0.1:{self._port}/ws/stream"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/ws/stream", self._stream)
        app.router.add_get("/health", self._health)
        app.router.add_post("/interrupt", self._interrupt)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self.connections:
            tear(connection)
        await self._runner.cleanup()

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        return sum(not connection.closed for connection in self.connections)

    async def _health(self, request: web.Request) -> web.Response:
        if self.warmed_up is None:
            raise web.HTTPNotFound
        return web.json_response({"status": "healthy", "warmed_up": self.warmed_up})

    async def _interrupt(self, request: web.Request) -> web.Response:
        if not self.has_interrupt:
            raise web.HTTPNotFound
        self.n_interrupts += 1
        for speaker in self._speakers:
            speaker.cancel()
        return web.json_response({"status": "interrupted"})

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        self.connections.append(socket)
        segments: asyncio.Queue[str] = asyncio.Queue()
        speaker = asyncio.create_task(self._speak(socket, segments))
        buffer = ""
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                asked = json.loads(message.data)
                if "token" in asked:
                    self.tokens.append(asked["token"])
                    self.pitch_shifts.add(asked.get("pitch_shift", 0))
                    buffer += asked["token"]
                triggered = bool(buffer) and (buffer[-1] in TRIGGERS or len(buffer) > LONGEST_CHARS)
                if (triggered or asked.get("flush")) and buffer.strip():
                    segments.put_nowait(buffer)
                    buffer = ""
        finally:
            speaker.cancel()
        return socket

    async def _speak(self, socket: web.WebSocketResponse, segments: "asyncio.Queue[str]") -> None:
        """Synthesize one segment after the other; an interrupt ends the present one."""
        while True:
            segment = await segments.get()
            self.segments.append(segment)
            synthesis = asyncio.create_task(self._answer(socket, segment))
            self._speakers.add(synthesis)
            try:
                await asyncio.wait([synthesis])
            finally:
                synthesis.cancel()
                self._speakers.discard(synthesis)

    async def _answer(self, socket: web.WebSocketResponse, segment: str) -> None:
        fault = self.faults.popleft() if self.faults else Fault.NONE
        await asyncio.sleep(self.synthesis_s)
        if fault is Fault.MUTE:
            return
        if fault is Fault.RESET:
            tear(socket)
            return
        with suppress(ConnectionError):
            if fault is Fault.ERROR:
                await socket.send_json({"error": "synthesis failed"})
                return
            blobs = list(self.cut(self.shape(self.voice.say(segment)).astype("<f4").tobytes()))
            for number, blob in enumerate(blobs):
                if number == len(blobs) // 2:
                    await self._midway(socket, fault)
                await socket.send_bytes(blob)

    async def _midway(self, socket: web.WebSocketResponse, fault: Fault) -> None:
        if fault is Fault.RESET_MIDWAY:
            await asyncio.sleep(0.05)  # what is under way arrives: a reset would discard it
            tear(socket)
        elif fault is Fault.STALL:
            await asyncio.sleep(self.stall_s)


def tear(socket: web.WebSocketResponse) -> None:
    """End a connection without a word, as a killed server does."""
    transport = socket._req.transport if socket._req is not None else None
    if transport is not None:
        transport.abort()


async def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--synthesis-ms", type=float, default=0, help="time each segment takes")
    parser.add_argument("--symbol-ms", type=int, default=60, help="length of one character's tone")
    parser.add_argument("--blob-bytes", type=int, default=0, help="size of messages; 0 = whole segments")
    options = parser.parse_args()
    cut = parts(options.blob_bytes) if options.blob_bytes else whole
    voice = ToneVoice(symbol_ms=options.symbol_ms)
    async with RvcDouble(voice, cut, synthesis_s=options.synthesis_ms / 1000, port=options.port) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
