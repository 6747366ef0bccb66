"""Writes what is heard into WAV files, one per turn, in a thread of its own.

The pacing thread hands frames over without waiting; this thread writes them four times a second and sets
the header right each time, so that a killed process leaves files that play. A disk that is full, read-only
or too slow costs the recording of a turn, never its sound.
"""

import re
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRandom
from pathlib import Path

from bus.audio import FRAME_BYTES
from procs.discord_voice.core.wav import HEADER_BYTES, header

WRITE_PERIOD_S = 0.25
"""Between two writes: fifty sessions at once make 200 writes a second instead of 2,500."""

LIMIT_FRAMES = 500
"""Frames of one recording that may wait for the disk: 10 s, about 1 MB. Then the recording is given up."""

_NAME = re.compile(r".+-(\d+)\.wav")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class Recording:
    """One turn's file; filled by the pacing thread, written by the recorder's."""

    def __init__(self, session: str, turn: int, wake: Callable[[], None]) -> None:
        self.session = session
        self.turn = turn
        self.name = f"{_UNSAFE.sub('_', session)}-{turn}.wav"
        self.frames: deque[bytes] = deque(maxlen=LIMIT_FRAMES)
        self.overflowed = False
        self.closed = False
        self.stream: BufferedRandom | None = None
        self.data_bytes = 0
        self._wake = wake

    def append(self, pcm: bytes) -> None:
        """Hand over a frame, `int16[960]`; never waits."""
        self.overflowed |= len(self.frames) == LIMIT_FRAMES
        self.frames.append(pcm)

    def close(self) -> None:
        """The stretch is over: write the rest and be done."""
        self.closed = True
        self._wake()


class Recorder:
    """All files being written, and those kept.

    Args:
        folder: where the files lie; made when first needed.
        keep: files that stay; the oldest beyond them are deleted.
        on_written: called in this thread for each recording that is whole.
        on_trouble: called in this thread when writing begins to fail (a reason) and when it works again ("").
    """

    def __init__(
        self,
        folder: Path,
        keep: int,
        on_written: Callable[[Recording], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._keep = keep
        self._on_written = on_written
        self._on_trouble = on_trouble
        self._opened: deque[Recording] = deque()
        self._writing: list[Recording] = []
        self._awake = threading.Event()
        self._closed = False
        self._trouble = ""

    def open(self, session: str, turn: int) -> Recording:
        """Begin, or continue, the file of a turn; touches no disk."""
        recording = Recording(session, turn, self._awake.set)
        self._opened.append(recording)
        self._awake.set()
        return recording

    def close(self) -> None:
        """Let `run` write all that is there and return."""
        self._closed = True
        self._awake.set()

    def run(self) -> None:
        """Write until closed; the whole life of the thread."""
        while not self._closed:
            self._awake.wait(WRITE_PERIOD_S if self._writing else None)
            self._awake.clear()
            self._write_all()
        self._take_new()
        for recording in self._writing:
            recording.closed = True
        self._write_all()

    def _take_new(self) -> None:
        while self._opened:
            self._writing.append(self._opened.popleft())

    def _write_all(self) -> None:
        self._take_new()
        self._writing = [recording for recording in self._writing if self._goes_on(recording)]

    def _goes_on(self, recording: Recording) -> bool:
        """Write what waits; False once the recording is over."""
        is_last = recording.closed  # asked first: what is appended before the closing is written below
        try:
            self._write(recording)
            if is_last:
                self._finish(recording)
        except OSError as error:
            self._give_up(recording, error.strerror or type(error).__name__)
            return False
        return not is_last

    def _write(self, recording: Recording) -> None:
        """Append what waits, then say in the header how much there is: in this order a cut file is valid.

        Raises:
            OSError: the disk took it not, or not in time.
        """
        if recording.overflowed:
            raise OSError(0, f"the disk took no sound for {LIMIT_FRAMES // 50} s")
        data = b"".join(_taken(recording.frames))
        if not data:
            return
        if recording.stream is None:
            recording.stream, recording.data_bytes = _opened(self._folder, recording.name)
        stream = recording.stream
        stream.seek(HEADER_BYTES + recording.data_bytes)
        stream.write(data)
        stream.flush()
        recording.data_bytes += len(data)
        stream.seek(0)
        stream.write(header(recording.data_bytes))
        stream.flush()
        self._tell_trouble("")

    def _finish(self, recording: Recording) -> None:
        if recording.stream is not None:
            recording.stream.close()
            self._on_written(recording)
            self._prune(recording)

    def _give_up(self, recording: Recording, reason: str) -> None:
        """Keep what is in the file; drop the rest of this recording."""
        if recording.stream is not None:
            with suppress(OSError):  # closing tries to write again; that it can't is what brought us here
                recording.stream.close()
        self._tell_trouble(reason)

    def _tell_trouble(self, reason: str) -> None:
        if reason != self._trouble:
            self._trouble = reason
            self._on_trouble(reason)

    def _prune(self, written: Recording) -> None:
        """Delete the oldest files beyond those kept; never one that is being written."""
        busy = {recording.name for recording in self._writing if recording is not written}
        kept = [
            (int(match[1]), path)
            for path in self._folder.iterdir()
            if (match := _NAME.fullmatch(path.name)) and path.name not in busy
        ]
        for _, path in sorted(kept)[: max(0, len(kept) - self._keep)]:
            path.unlink(missing_ok=True)


def _taken(frames: deque[bytes]) -> list[bytes]:
    """What waits; the other thread may go on appending meanwhile."""
    return [frames.popleft() for _ in range(len(frames))]


def _opened(folder: Path, name: str) -> tuple[BufferedRandom, int]:
    """The file of a turn and the bytes of whole frames in it: a reborn sink continues what it finds.

    Raises:
        OSError: it can't be opened.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    stream = path.open("r+b" if path.exists() else "w+b")
    found_bytes = max(0, path.stat().st_size - HEADER_BYTES)
    data_bytes = found_bytes - found_bytes % FRAME_BYTES
    stream.write(header(data_bytes))
    return stream, data_bytes
