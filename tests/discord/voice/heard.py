"""What a person in a voice channel heard of one speaker, and how it arrived.

Speech is cut into utterances: from the first voice frame to five silence frames, or to a pause without them
(which is a fault of the speaker).
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
SILENCE = b"\xf8\xff\xfe"
"""The Opus frame that ends speech; sent five times."""
SILENCES_AT_END = 5
PAUSE_NS = 300_000_000
"""Without a frame for so long, speech has ended."""
FRAMES_KEPT = 50 * 60 * 10
"""Ten minutes of one speaker; the oldest utterances go first."""
VIOLATIONS_KEPT = 200


@dataclass
class Utterance:
    """One stretch of speech."""

    arrivals_ns: list[int] = field(default_factory=list)
    """Wall times of the kernel, one per voice frame."""
    frames: list[Samples] = field(default_factory=list)
    """`int16[960]`, 20 ms, both channels' mean."""
    lost: int = 0
    """Frames missing in between; concealed in `frames`."""
    silences: int = 0
    is_over: bool = False

    @property
    def samples(self) -> Samples:
        """48 kHz mono."""
        return np.concatenate(self.frames) if self.frames else np.empty(0, np.int16)

    @property
    def gaps_ms(self) -> list[float]:
        """Between arrivals of neighbouring frames."""
        return [float(gap) / 1e6 for gap in np.diff(np.array(self.arrivals_ns, np.int64))]


@dataclass(frozen=True)
class Pacing:
    """How evenly frames arrived."""

    frames: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass
class Heard:
    """Everything of one speaker in one channel."""

    utterances: deque[Utterance] = field(default_factory=deque)
    frames: int = 0
    """Voice frames decoded, ever."""
    unheard: int = 0
    """Voice frames that nobody could hear: no person there, or not encrypted for them."""
    clear: int = 0
    """Of those, not encrypted end to end although others were."""
    unannounced: int = 0
    """Voice frames while SPEAKING was off."""
    lost: int = 0
    """Packets taken away by the loss fault."""
    keepalives: int = 0
    violations: deque[str] = field(default_factory=lambda: deque(maxlen=VIOLATIONS_KEPT))
    """Rules of RTP and of Discord that were broken."""

    def voice(self, samples: Samples, at_ns: int, missing: int = 0) -> None:
        """A voice frame was heard; `missing` before it were concealed in `samples`."""
        current = self._current(at_ns) or self._new()
        current.silences = 0
        current.lost += missing
        current.arrivals_ns.append(at_ns)
        current.frames.append(samples)
        self.frames += 1

    def silence(self, at_ns: int) -> None:
        """A silence frame was heard; five of them end the utterance."""
        current = self._current(at_ns)
        if current is None:
            return
        current.silences += 1
        current.is_over = current.silences >= SILENCES_AT_END

    def _current(self, at_ns: int) -> Utterance | None:
        current = self.utterances[-1] if self.utterances else None
        if current is None or current.is_over:
            return None
        if at_ns - current.arrivals_ns[-1] > PAUSE_NS:
            current.is_over = True
            if current.silences < SILENCES_AT_END:
                self.violations.append(f"speech stopped with {current.silences} silence frames")
            return None
        return current

    def _new(self) -> Utterance:
        self.utterances.append(Utterance())
        while sum(len(one.frames) for one in self.utterances) > FRAMES_KEPT and len(self.utterances) > 1:
            self.utterances.popleft()
        return self.utterances[-1]

    def settle(self, now_ns: int) -> "Heard":
        """Looks whether the last utterance has ended by now; itself."""
        self._current(now_ns)
        return self

    def cut(self) -> None:
        """The speaker's connection is gone: no silence frames can be expected."""
        if self.utterances:
            self.utterances[-1].is_over = True

    @property
    def samples(self) -> Samples:
        """All utterances, one after another."""
        return np.concatenate([one.samples for one in self.utterances] or [np.empty(0, np.int16)])

    @property
    def pacing(self) -> Pacing:
        """Over all utterances, the pauses between them left out."""
        gaps = [gap for one in self.utterances for gap in one.gaps_ms]
        if not gaps:
            return Pacing(self.frames, 0.0, 0.0, 0.0)
        p50, p99 = np.percentile(gaps, [50, 99])
        return Pacing(self.frames, float(p50), float(p99), max(gaps))
