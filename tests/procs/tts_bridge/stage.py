"""For tests of the app: the node in memory with a living session, and a voice that does as it is told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import numpy as np

from bus.errors import BackendError
from bus.messages import AudioFrame, Phase, PlayoutState, SessionState, Token, TurnEvent, TurnState
from bus.testing import MemoryNode
from procs.tts_bridge.app import TtsBridge
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.config import TtsSettings
from procs.tts_bridge.core.chunk import Chunk, Encoding, WordMark
from procs.tts_bridge.core.sentences import Piece
from tests.doubles.tone_voice import Heard, ToneVoice

SESSION = "20261120-173000-a1b2"
SINCE_MS = 1_790_000_000_000
TURN = SINCE_MS + 1_000
SINK = "discord_voice"


class FakeVoice:
    """Speaks in tones, at once."""

    straight = False

    def __init__(self) -> None:
        self.voice = ToneVoice()
        self.asked: list[str] = []
        self.failures: dict[int, Exception] = {}
        """Number of the request → what happens after half of its sound."""
        self.mute = False
        self.missing: BackendError | None = None
        self.n_open = 0
        self.n_closed = 0
        self.before_sound: Callable[[Piece], Awaitable[object]] | None = None

    async def warm_up(self) -> dict[str, str]:
        if self.missing is not None:
            raise self.missing
        return {"voice": "tone"}

    async def speak(self, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Chunk, None]:
        self.n_open += 1
        try:
            async for piece in pieces:
                self.asked.append(piece.text)
                if self.before_sound is not None:
                    await self.before_sound(piece)
                for chunk in self._chunks(piece):
                    yield chunk
        finally:
            self.n_open -= 1

    async def close(self) -> None:
        self.n_closed += 1

    def _chunks(self, piece: Piece) -> list[Chunk]:
        data = b"" if self.mute else self.voice.say(piece.text).astype("<f4").tobytes()
        marks = tuple(WordMark(*pair) for pair in self.voice.marks(piece.text))
        half = len(data) // 8 * 4
        failure = self.failures.pop(len(self.asked) - 1, None)
        first = Chunk(piece.index, data[:half], 48_000, Encoding.F32LE, marks)
        if failure is not None:
            return Failing([first], failure)
        return [first, Chunk(piece.index, data[half:], 48_000, Encoding.F32LE, last=True)]


class Failing(list[Chunk]):
    """Some chunks, then a failure."""

    def __init__(self, chunks: list[Chunk], failure: Exception) -> None:
        super().__init__(chunks)
        self._failure = failure

    def __iter__(self):
        yield from super().__iter__()
        raise self._failure


class Stage:
    """The app under test and its surroundings; use it as an async context."""

    def __init__(self, backend: TtsBackend | None = None, settings: TtsSettings | None = None) -> None:
        self.node = MemoryNode("tts_bridge", TtsBridge.reads)
        self.voice = FakeVoice()
        self.app = TtsBridge(
            self.node, settings or TtsSettings(window_ms=60_000), backend or self.voice, SwResampler
        )

    async def __aenter__(self) -> "Stage":
        await self.begin()
        self._running = asyncio.create_task(self.app.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.stop()
        self._running.cancel()
        await asyncio.wait([self._running])
        if not self._running.cancelled() and (error := self._running.exception()):
            raise error

    async def begin(self, session: str = SESSION, phase: Phase = Phase.ACTIVE) -> None:
        state = SessionState(SINK, phase, SINCE_MS, revision=1)
        await self.node.deliver(f"control.session.{SINK}", state, session)

    async def token(self, index: int, text: str, turn: int = TURN, session: str = SESSION, **end) -> None:
        await self.node.deliver("flow.token", Token(index, text, **end), session, turn)

    async def reply(self, *texts: str, turn: int = TURN, session: str = SESSION) -> None:
        """A whole reply, token by token."""
        for index, text in enumerate(texts):
            await self.token(index, text, turn, session)
        await self.token(len(texts), "", turn, session, final=True, finish_reason="stop")

    async def played(self, ms: int, turn: int = TURN, sent: int = 0, finished: int = 0) -> None:
        state = PlayoutState(turn, ms, buffered_ms=0, finished_turn=finished, sent=sent)
        await self.node.deliver(f"report.playout.{SINK}", state, SESSION)

    async def raise_floor(self, floor: int) -> None:
        await self.node.deliver("control.turn", TurnState(floor, 0), SESSION)

    async def limit_speech(self, ms: int) -> None:
        await self.node.deliver("control.turn", TurnState(SINCE_MS, 0, ms), SESSION)

    def frames(self, turn: int = TURN, session: str = SESSION) -> list[AudioFrame]:
        return [m for _, m, s, t in self.node.pushed if (s, t) == (session, turn)]

    def heard(self, turn: int = TURN, session: str = SESSION) -> Heard:
        return ToneVoice().hear(self.samples(turn, session))

    def samples(self, turn: int = TURN, session: str = SESSION) -> np.ndarray:
        return np.frombuffer(b"".join(f.pcm for f in self.frames(turn, session)), "<i2")

    def events(self, turn: int = TURN, session: str = SESSION) -> list[TurnEvent]:
        return [m for _, m, s, t in self.node.emitted if (s, t) == (session, turn)]

    def kinds(self, turn: int = TURN, session: str = SESSION) -> list[str]:
        return [event.kind.value for event in self.events(turn, session)]

    async def ended(self, turn: int = TURN, session: str = SESSION) -> None:
        """Wait until the turn is done, cut or failed."""
        ends = {"done", "cut", "failed"}
        await until(lambda: ends & set(self.kinds(turn, session)))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)
