"""One turn's sound: chunks of any kind in, exact frames out, and the position of every piece.

Invariant: samples in, brought to 48 kHz, plus pauses, plus padding = samples in the frames.
"""

from collections.abc import Callable, Iterator

import numpy as np

from bus.audio import FRAME_SAMPLES, SAMPLE_RATE_HZ
from procs.tts_bridge.core.chunk import Chunk
from procs.tts_bridge.core.framer import Framer
from procs.tts_bridge.core.joins import RAMP, STEP, Joiner, Pauses
from procs.tts_bridge.core.pcm import Decoder, Float, Int16, Resampler, to_float, to_int16

BATCH_MS = 200
"""Sound converted in one go: ten frames cost about 0.2 ms, so that other turns get the loop in between."""

MakeResampler = Callable[[int], Resampler]
"""Rate of the source in Hz → a fresh resampler to 48 kHz."""


class Track:
    """Turns the chunks of one turn into its frames.

    Args:
        make_resampler: used for every piece that is not at 48 kHz.
        pause_ms: silence wanted between two sentences.
    """

    def __init__(self, make_resampler: MakeResampler, pause_ms: int) -> None:
        self._make_resampler = make_resampler
        self._framer = Framer()
        self._joiner = Joiner()
        self._pauses = Pauses(pause_ms)
        self._decoder: Decoder | None = None
        self._resampler: Resampler | None = None
        self.n_samples = 0
        """Samples made so far, at 48 kHz, pauses and padding included."""
        self.n_repaired = 0
        """NaN and infinite samples replaced by 0."""
        self.n_clipped = 0
        """Samples clipped to full scale."""

    @property
    def duration_ms(self) -> int:
        """Sound made so far."""
        return self.n_samples * 1000 // SAMPLE_RATE_HZ

    @property
    def damage(self) -> str:
        """What had to be mended, for the operator; empty if nothing."""
        counts = {"not finite": self.n_repaired, "clipped": self.n_clipped}
        return ", ".join(f"{n} samples {what}" for what, n in counts.items() if n)

    def feed(self, chunk: Chunk) -> Iterator[list[bytes]]:
        """The frames that a chunk completes, in batches; each batch is made when it is asked for."""
        if self._decoder is None:
            self._begin(chunk)
        step = chunk.rate_hz * BATCH_MS // 1000 * chunk.encoding.sample_bytes
        for at in range(0, len(chunk.data), step):
            yield self._add(self._convert(chunk.data[at : at + step]))
        if chunk.last:
            yield self._end()

    def pause(self) -> list[bytes]:
        """Frames that complete the pause after a sentence."""
        self._joiner.join()
        return self._add(np.zeros(self._pauses.missing(), "<i2"))

    def pad(self) -> list[bytes]:
        """The rest as a full frame, led to silence if far from it: no more sound is known to come soon."""
        self._joiner.join()
        frames = self._add(np.zeros(len(RAMP), "<i2")) if self._joiner.step > STEP else []
        self.n_samples += -self.n_samples % FRAME_SAMPLES
        return frames + self._framer.flush()

    def finish(self) -> list[bytes]:
        """The last frames of the turn, also when the voice stopped in the middle of a piece."""
        return (self._end() if self._decoder is not None else []) + self.pad()

    def _begin(self, chunk: Chunk) -> None:
        self._decoder = Decoder(chunk.encoding)
        self._resampler = None if chunk.rate_hz == SAMPLE_RATE_HZ else self._make_resampler(chunk.rate_hz)
        self._joiner.join()

    def _convert(self, data: bytes) -> Int16:
        assert self._decoder is not None
        samples: Float | Int16 = self._decoder.feed(data)
        if self._resampler is not None and len(samples):
            samples = self._resampler.feed(to_float(samples))
        return to_int16(samples)

    def _end(self) -> list[bytes]:
        assert self._decoder is not None
        self.n_repaired += self._decoder.n_repaired
        self.n_clipped += self._decoder.n_clipped
        tail = self._resampler.flush() if self._resampler is not None else np.zeros(0, np.float32)
        self._decoder = self._resampler = None
        return self._add(to_int16(tail))

    def _add(self, samples: Int16) -> list[bytes]:
        self.n_samples += len(samples)
        samples = self._joiner.feed(samples)
        self._pauses.feed(samples)
        return self._framer.push(samples.tobytes())
