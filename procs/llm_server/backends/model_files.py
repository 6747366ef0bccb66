"""Model files on disk: the operator's GGUF, or the demo brain, which is made at its first use."""

import asyncio
import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bus.errors import BackendError
from procs.llm_server.backends.base import Model
from procs.llm_server.core import demo_brain
from procs.llm_server.core.gguf import MAGIC

LOOK_PERIOD_S = 0.5
"""A missing or broken file is looked at this often: a person has just copied it and waits."""


class ModelFiles:
    """See `ModelSource`.

    Args:
        gguf: the operator's file; None = the demo brain.
        folder: where the demo brain is kept.
    """

    def __init__(self, gguf: Path | None, folder: Path) -> None:
        self._gguf = gguf
        self._folder = folder
        self._seen: tuple[int, int] | None = None

    async def find(self) -> Model:
        """See `ModelSource.find`."""
        return await asyncio.to_thread(
            self._demo if self._gguf is None else self._named, self._gguf or self._folder
        )

    async def changed(self, patience_s: float) -> None:
        """See `ModelSource.changed`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._gguf is None or _mark(self._gguf) == self._seen:
                    await asyncio.sleep(LOOK_PERIOD_S)

    def _named(self, path: Path) -> Model:
        self._seen = _mark(path)
        try:
            with path.open("rb") as file:
                magic = file.read(len(MAGIC))
        except FileNotFoundError:
            raise _unusable(path, "there is no such file") from None
        except OSError as error:
            raise _unusable(path, error.strerror or type(error).__name__) from None
        if magic != MAGIC:
            raise _unusable(path, "it is no GGUF file")
        return Model(path, path.stem, is_demo=False)

    def _demo(self, folder: Path) -> Model:
        path = folder / f"{demo_brain.NAME}-{demo_brain.digest()}.gguf"
        try:
            if not path.exists():
                _write(path, demo_brain.build())
        except OSError as error:
            code = "disk_full" if error.errno == errno.ENOSPC else "model_unusable"
            raise BackendError(
                code, f"the demo brain can't be written to {folder}: {error.strerror}"
            ) from None
        return Model(path, demo_brain.NAME, is_demo=True)


def _write(path: Path, content: bytes) -> None:
    """Put a complete file under its name at once, in place of those of earlier recipes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as fresh:
        try:
            fresh.write(content)
            fresh.flush()
            os.fsync(fresh.fileno())
            earlier = list(path.parent.glob(f"{demo_brain.NAME}-*.gguf"))
            os.replace(fresh.name, path)
        except OSError:
            os.unlink(fresh.name)
            raise
    for old in earlier:
        if old != path:
            old.unlink(missing_ok=True)


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes when a file does: time and size; None without a file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _unusable(path: Path, reason: str) -> BackendError:
    return BackendError("model_unusable", f"llm_server.gguf can't be used: {reason}: {path}")
