"""The app between an engine and a socket that the test plays."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from procs.tts_server.app import TtsServer
from procs.tts_server.backends.base import Chunk, ClientGone, Emit, EngineError, OnFrames
from procs.tts_server.core.link import Say
from tests.procs.tts_server.client import memory_bus

Reply = dict[str, Any]


class Facts:
    """An engine nobody calls."""

    name, voice, sample_rate_hz, dtype = "facts", "plain", 22_050, "s16le"

    def load(self) -> None:
        raise AssertionError

    def synthesize(self, say: Say, emit: Emit) -> None:
        raise AssertionError


class StepSpeaker:
    """Speaks one chunk per character of the text, each when the test allows it; `!` fails."""

    def __init__(self) -> None:
        self.engine = Facts()
        self.failures: list[EngineError] = []
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.steps = asyncio.Semaphore(0)
        self.spoken: list[str] = []
        self.interrupted = asyncio.Event()
        self.closed = False

    async def load(self) -> None:
        await self.may_load.wait()
        if self.failures:
            raise self.failures.pop(0)

    async def say(self, say: Say) -> AsyncGenerator[Chunk, None]:
        self.interrupted.clear()
        self.spoken.append(say.id)
        for number, character in enumerate(say.text):
            step = asyncio.create_task(self.steps.acquire())
            stop = asyncio.create_task(self.interrupted.wait())
            await asyncio.wait([step, stop], return_when=asyncio.FIRST_COMPLETED)
            step.cancel()
            stop.cancel()
            if self.interrupted.is_set():
                return
            if character == "!":
                raise EngineError("failed", "as asked")
            yield Chunk(character.encode() * 2, ((number, number),))

    def interrupt(self) -> None:
        self.interrupted.set()

    async def close(self) -> None:
        self.interrupt()
        self.closed = True

    def allow(self, steps: int = 1_000) -> None:
        for _ in range(steps):
            self.steps.release()


class ListLink:
    """Keeps replies by client; clients can be full or gone."""

    def __init__(self) -> None:
        self.replies: dict[bytes, list[Reply]] = {}
        self.full: set[bytes] = set()
        self.gone: set[bytes] = set()
        self.is_open = False
        self.on_frames: OnFrames | None = None

    async def open(self) -> None:
        self.is_open = True

    def listen(self, on_frames: OnFrames) -> None:
        self.on_frames = on_frames

    def send(self, client: bytes, frames: list[bytes]) -> bool:
        if client in self.gone:
            raise ClientGone
        if client in self.full:
            return False
        self._keep(client, frames)
        return True

    def send_final(self, client: bytes, frames: list[bytes]) -> None:
        if client not in self.gone:
            self._keep(client, frames)

    def close(self) -> None:
        self.is_open = False

    def _keep(self, client: bytes, frames: list[bytes]) -> None:
        self.replies.setdefault(client, []).append({**json.loads(frames[0]), "payload": frames[1]})


class House:
    """The app among its stand-ins."""

    def __init__(self) -> None:
        self.bus = memory_bus()
        self.speaker = StepSpeaker()
        self.link = ListLink()
        self.app = TtsServer(self.bus, self.speaker, self.link)

    def send(self, client: bytes, *frames: bytes) -> None:
        assert self.link.on_frames is not None
        self.link.on_frames(client, list(frames))

    def ask(self, client: bytes, op: str, **fields: object) -> None:
        self.send(client, json.dumps({"v": 1, "op": op, **fields}).encode())

    def say(self, client: bytes, request_id: str, text: str = "abc") -> None:
        self.ask(client, "say", id=request_id, text=text)

    def replies(self, client: bytes, request_id: str) -> list[Reply]:
        return [reply for reply in self.link.replies.get(client, []) if reply.get("id") == request_id]

    def codes(self, client: bytes) -> list[str]:
        return [reply["code"] for reply in self.link.replies.get(client, []) if "code" in reply]

    async def settle(self) -> None:
        """Let everything happen that can happen without the test's doing."""
        for _ in range(50):
            await asyncio.sleep(0)


@asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    task = asyncio.create_task(house.app.run())
    await house.settle()
    try:
        yield house
    finally:
        await house.app.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
