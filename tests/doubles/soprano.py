"""A double of a Soprano server: the link of `docs/soprano-link.md` over a real ROUTER socket.

Run it with `python -m tests.doubles.soprano --help`.
"""

import argparse
import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

import numpy as np
import zmq
import zmq.asyncio
from numpy.typing import NDArray

from tests.doubles.tone_voice import ToneVoice

Cut = Callable[[bytes], Iterable[bytes]]


class Fault(Enum):
    """What happens to one request."""

    NONE = auto()
    ERROR = auto()
    """An error instead of sound."""
    ERROR_MIDWAY = auto()
    """An error after half of the sound."""
    MUTE = auto()
    """No answer at all."""
    MUTE_MIDWAY = auto()
    """Half of the sound, then nothing."""
    STALL = auto()
    """A wait of `stall_s` after half of the sound."""
    WRONG_ID = auto()
    """Sound for somebody else between one's own."""
    LOST_REPLY = auto()
    """One reply in the middle is missing."""


def parts(n_bytes: int) -> Cut:
    """Sound in replies of a fixed size."""
    return lambda sound: (sound[at : at + n_bytes] for at in range(0, len(sound), n_bytes))


class SopranoDouble:
    """The server; use it as an async context.

    Args:
        voice: what speaks; its rate is what the headers say.
        dtype: `f32le` or `s16le`.
        cut: how the sound of a request becomes replies.
        shape: what happens to the samples before they leave.
        synthesis_s: time until the first sound of a request.
        keys: (public, secret) of the server for CURVE.
    """

    def __init__(
        self,
        voice: ToneVoice | None = None,
        dtype: str = "f32le",
        cut: Cut | None = None,
        shape: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda samples: samples,
        synthesis_s: float = 0.0,
        port: int = 0,
        keys: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.voice = voice or ToneVoice(32_000)
        self.dtype = dtype
        self.cut = cut or parts(4 * 640)
        self.shape = shape
        self.synthesis_s = synthesis_s
        self.stall_s = 0.0
        self.with_marks = True
        self.faults: deque[Fault] = deque()
        """One per request, in order; none = all is well."""
        self.header: dict[str, Any] = {}
        """Overrides fields of every sound header."""
        self.raw_reply: list[bytes] | None = None
        """Sent instead of any answer."""
        self.warmed_up = True
        self.texts: list[str] = []
        """All that was asked for."""
        self.cancelled: list[str] = []
        self.most_at_once = 0
        """Requests of one client in hand at the same time."""
        self._port = port
        self._keys = keys
        self._tasks: dict[tuple[bytes, str], asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        """Address of the link."""
        return f"tcp://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 10_000)
        if self._keys is not None:
            self._socket.curve_server = True
            self._socket.curve_secretkey = self._keys[1]
        self._socket.bind(f"tcp://127.0.0.1:{self._port or '*'}")
        self._port = int(self._socket.getsockopt(zmq.LAST_ENDPOINT).rpartition(b":")[2])
        self._serving = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in [self._serving, *self._tasks.values()]:
            task.cancel()
        await asyncio.gather(self._serving, *self._tasks.values(), return_exceptions=True)
        self._socket.close()
        self._context.term()

    async def _serve(self) -> None:
        while True:
            peer, request = await self._socket.recv_multipart()
            asked = json.loads(request)
            if asked["op"] == "ping":
                await self._reply(peer, self._pong(asked["n"]))
            elif asked["op"] == "cancel":
                await self._cancel(peer, asked["id"])
            else:
                self.texts.append(asked["text"])
                key = (peer, asked["id"])
                self._tasks[key] = asyncio.create_task(self._say(*key, asked["text"]))
                at_once = sum(p == peer and not task.done() for (p, _), task in self._tasks.items())
                self.most_at_once = max(self.most_at_once, at_once)

    def _pong(self, number: int) -> dict[str, Any]:
        return {
            "pong": number,
            "warmed_up": self.warmed_up,
            "engine": "tones",
            "voice": "tone",
            "sample_rate": self.voice.rate_hz,
        }

    async def _cancel(self, peer: bytes, request: str) -> None:
        self.cancelled.append(request)
        task = self._tasks.pop((peer, request), None)
        if task is not None:
            task.cancel()
        await self._reply(peer, {"id": request, "code": "cancelled", "error": "cancelled"})

    async def _say(self, peer: bytes, request: str, text: str) -> None:
        fault = self.faults.popleft() if self.faults else Fault.NONE
        await asyncio.sleep(self.synthesis_s)
        if self.raw_reply is not None:
            await self._socket.send_multipart([peer, *self.raw_reply])
            return
        if fault is Fault.ERROR:
            await self._reply(peer, {"id": request, "code": "failed", "error": "no"})
            return
        if fault is Fault.MUTE:
            return
        replies = self._replies(request, text)
        for number, (header, payload) in enumerate(replies):
            if number == max(1, len(replies) // 2) and await self._midway(fault, peer, request):
                return
            if not (fault is Fault.LOST_REPLY and number == len(replies) // 2):
                await self._reply(peer, header, payload)

    def _replies(self, request: str, text: str) -> list[tuple[dict[str, Any], bytes]]:
        sound = self.shape(self.voice.say(text))
        if self.dtype == "s16le":
            data = np.rint(sound * 32767).astype("<i2").tobytes()
        else:
            data = sound.astype("<f4").tobytes()
        pieces = [*self.cut(data), b""]
        fixed = {"sample_rate": self.voice.rate_hz, "dtype": self.dtype}
        marks = self.voice.marks(text) if self.with_marks else []
        return [
            (
                {
                    "id": request,
                    "seq": seq,
                    **fixed,
                    "last": seq == len(pieces) - 1,
                    "marks": [] if seq else marks,
                    **self.header,
                },
                payload,
            )
            for seq, payload in enumerate(pieces)
        ]

    async def _midway(self, fault: Fault, peer: bytes, request: str) -> bool:
        """A fault in the middle of the sound; True if that was all."""
        if fault is Fault.STALL:
            await asyncio.sleep(self.stall_s)
        elif fault is Fault.WRONG_ID:
            other = {"id": "nobody", "seq": 0, "sample_rate": 48_000, "dtype": self.dtype, "last": False}
            await self._reply(peer, other, bytes(4000))
        elif fault is Fault.ERROR_MIDWAY:
            await self._reply(peer, {"id": request, "code": "failed", "error": "no"})
        return fault in (Fault.ERROR_MIDWAY, Fault.MUTE_MIDWAY)

    async def _reply(self, peer: bytes, header: dict[str, Any], payload: bytes = b"") -> None:
        await self._socket.send_multipart([peer, json.dumps(header).encode(), payload])


async def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5555)
    parser.add_argument("--rate-hz", type=int, default=32_000)
    parser.add_argument("--synthesis-ms", type=float, default=0, help="time until a request's first sound")
    parser.add_argument("--symbol-ms", type=int, default=60, help="length of one character's tone")
    parser.add_argument("--reply-ms", type=int, default=100, help="sound in one reply")
    options = parser.parse_args()
    voice = ToneVoice(options.rate_hz, options.symbol_ms)
    cut = parts(options.rate_hz * options.reply_ms // 1000 * 4)
    server = SopranoDouble(voice, cut=cut, synthesis_s=options.synthesis_ms / 1000, port=options.port)
    async with server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
