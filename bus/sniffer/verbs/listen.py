"""`listen`: an audio flow becomes a WAV file, 48 kHz mono."""

import argparse
from collections.abc import Iterable

from bus.audio import FRAME_BYTES, FRAME_MS, SILENCE
from bus.errors import DecodeError
from bus.sniffer.arguments import require_topic
from bus.sniffer.files import WavFile, require_free
from bus.sniffer.output import Line, Output, shown_number
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb, require_content

GAP_LIMIT_FRAMES = 500
"""A gap of up to 10 s is filled with silence; a longer one is named only, or a wrong index fills the disk."""


class Listen(Verb):
    """One session's frames, turn behind turn; what is missing is named and filled with silence."""

    name = "listen"
    summary = "the sound of a flow as a WAV file"
    example = "bus-sniffer listen hello.wav --show-content"
    is_snapshot = True

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        require_content(options, "listen writes sound")
        require_topic(options.topic)
        require_free(options.file)
        self._session: str = options.session
        self._others: set[str] = set()
        self._turn = 0
        self._next_index = 0
        self._ended_turn = 0
        self._n_frames = 0
        self._n_missing = 0
        self._wav: WavFile | None = None

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.wav", help="file to write; it must not exist")
        parser.add_argument("--topic", default="flow.audio.", help="audio flow (default: all sinks)")
        parser.add_argument("--session", default="", help="this session; by default the first that sounds")
        parser.add_argument("--turn", type=int, default=0, help="this turn, then end")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return (self.options.topic,)

    @property
    def is_done(self) -> bool:
        return bool(self.options.turn) and self._ended_turn == self.options.turn

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        if self._is_wanted(tapped):
            yield from self._take(tapped)

    def end(self, now_ns: int) -> Iterable[Output]:
        if self._wav is None:
            return
        self._wav.close()
        ms = (self._n_frames + self._n_missing) * FRAME_MS
        text = (
            f"{self.options.file}: {shown_number(ms)} ms of sound, "
            f"{self._n_missing} of {self._n_frames + self._n_missing} frames missing"
        )
        if self._others:
            text += f"; left out: {', '.join(sorted(self._others))}"
        yield Line(
            text,
            {
                "kind": "sound",
                "file": self.options.file,
                "duration_ms": ms,
                "frames": self._n_frames,
                "missing": self._n_missing,
                "session": self._session,
                "left_out": sorted(self._others),
            },
        )

    def complaint(self, now_ns: int) -> str:
        return "" if self._n_frames else "no sound came"

    def _is_wanted(self, tapped: Tapped) -> bool:
        header = tapped.header
        if self.options.turn not in (0, header.turn):
            return False
        self._session = self._session or header.session
        if header.session != self._session:
            self._others.add(header.session)
            return False
        return True

    def _take(self, tapped: Tapped) -> Iterable[Output]:
        index, pcm = tapped.body.get("index"), tapped.body.get("pcm")
        if type(index) is not int or type(pcm) is not bytes or len(pcm) not in (0, FRAME_BYTES):
            raise DecodeError(f"{tapped.topic}: not a frame of sound")
        if tapped.header.turn != self._turn:
            self._turn, self._next_index = tapped.header.turn, index if self._turn == 0 else 0
        if index > self._next_index:
            yield self._missing(index)
        if pcm:
            self._next_index = index + 1
            self._n_frames += 1
            self._write(pcm)
        if tapped.body.get("final"):
            self._ended_turn = self._turn

    def _write(self, pcm: bytes) -> None:
        if self._wav is None:
            self._wav = WavFile(self.options.file)
        self._wav.write(pcm)

    def _missing(self, index: int) -> Line:
        first, n_missing = self._next_index, index - self._next_index
        if n_missing <= GAP_LIMIT_FRAMES:
            self._n_missing += n_missing
            self._write(SILENCE * n_missing)
        return Line(
            f"turn {self._turn}: frames {first} to {index - 1} are missing ({n_missing * FRAME_MS} ms)",
            {"kind": "gap", "turn": self._turn, "first": first, "frames": n_missing},
        )
