"""Files the sniffer writes: never over another file, readable by their owner alone."""

import os
import wave
from pathlib import Path
from typing import IO

from bus.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from bus.sniffer.arguments import UsageError


def require_free(name: str) -> None:
    """See that a file can be created under this name, before anything is listened to for it.

    Raises:
        UsageError: it exists, or its folder does not.
    """
    if Path(name).exists():
        raise UsageError(f"{name} exists: choose another name, or remove it")
    if not Path(name).absolute().parent.is_dir():
        raise UsageError(f"{Path(name).parent} does not exist: make that folder first")


def require_readable(name: str) -> None:
    """See that there is a file to read.

    Raises:
        UsageError: there is none.
    """
    if not Path(name).is_file():
        raise UsageError(f"{name} is no file: check the name")


def create(name: str) -> IO[bytes]:
    """A fresh file, mode 0600: it may hold what people said.

    Raises:
        OSError: it exists by now, or the system refuses.
    """
    return os.fdopen(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb")


class WavFile:
    """A WAV file of the bus's sound: 48 kHz, mono, 16 bit.

    Raises:
        OSError: see `create`.
    """

    def __init__(self, name: str) -> None:
        self._stream = create(name)
        self._wave = wave.open(self._stream, "wb")  # noqa: SIM115 - closed by `close`
        self._wave.setparams((1, SAMPLE_BYTES, SAMPLE_RATE_HZ, 0, "NONE", ""))

    def write(self, pcm: bytes) -> None:
        """Append samples, `int16` little-endian."""
        self._wave.writeframesraw(pcm)

    def close(self) -> None:
        """Write the true length into the file's head."""
        self._wave.close()
        self._stream.close()
