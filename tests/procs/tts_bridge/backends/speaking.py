"""For tests of backends: text in, what was heard out."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import numpy as np

from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.core.chunk import Chunk
from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.track import Track
from tests.doubles.tone_voice import Heard, ToneVoice


async def pieces(backend: TtsBackend, texts: Iterable[str]) -> AsyncIterator[Piece]:
    """Texts as the app hands them over."""
    for index, text in enumerate(texts):
        yield Piece(0 if backend.straight else index, text, tuple(range(len(text))), ends_sentence=True)


class Ear:
    """Listens to one turn; keeps what came also when the turn fails or is cut."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._track = Track(SwResampler, pause_ms=0)
        self._frames: list[bytes] = []

    async def listen(self, backend: TtsBackend, texts: Iterable[str]) -> Heard:
        async with aclosing(backend.speak(pieces(backend, texts))) as chunks:
            async for chunk in chunks:
                self.chunks.append(chunk)
                for frames in self._track.feed(chunk):
                    self._frames += frames
        return self.heard()

    def heard(self) -> Heard:
        self._frames += self._track.finish()
        return ToneVoice().hear(self.samples)

    @property
    def samples(self) -> np.ndarray:
        return np.frombuffer(b"".join(self._frames), "<i2")

    async def listen_until(self, backend: TtsBackend, texts: Iterable[str], n_chunks: int) -> None:
        """Cut the turn once so many chunks have come."""
        task = asyncio.create_task(self.listen(backend, texts))
        while len(self.chunks) < n_chunks and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def hear(backend: TtsBackend, *texts: str) -> Heard:
    """One whole turn."""
    return await Ear().listen(backend, texts)
