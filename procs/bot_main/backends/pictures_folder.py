"""Profile pictures in a folder, checked and made square by Pillow in a thread.

What a file is, its content says, not its name: PNG, JPEG or GIF (of which the first frame is taken). The
size in pixels is read from the head before anything is unpacked.
Source: Discord's documentation of image data (PNG, JPEG, GIF); Pillow's of `Image.open`.
"""

import asyncio
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from bus.errors import BackendError
from procs.bot_main.backends.pillow_limit import LIMIT_PIXELS

FORMATS = ("PNG", "JPEG", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif")
LIMIT_BYTES = 8 * 1024 * 1024
"""Larger files are no profile pictures."""
SIDE = 1024
"""Discord shows no more."""
LIMIT_FILES = 2_000
"""A folder with more files is not one of profile pictures."""


class PicturesFolder:
    """Implements `Pictures`.

    Args:
        folder: looked at anew each time, so that pictures can be added while she runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def names(self) -> tuple[str, ...]:
        return await asyncio.to_thread(self._list)

    async def read(self, name: str) -> bytes:
        return await asyncio.to_thread(self._square, name)

    def _list(self) -> tuple[str, ...]:
        try:
            files = [p.name for p in self._folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        except OSError as error:
            raise _unusable(self._folder.name, error.strerror or "unreadable") from None
        if len(files) > LIMIT_FILES:
            raise _unusable(self._folder.name, f"more than {LIMIT_FILES} files")
        return tuple(sorted(files))

    def _square(self, name: str) -> bytes:
        data = self._bytes(name)
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                return _png(image)
        except Image.DecompressionBombError:
            raise _unusable(name, f"more than {LIMIT_PIXELS} pixels") from None
        except Exception as error:  # whatever the readers make of damage: they document no common root
            raise _unusable(name, type(error).__name__) from None

    def _bytes(self, name: str) -> bytes:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                data = file.read(LIMIT_BYTES + 1)
        except OSError as error:
            raise _unusable(name, error.strerror or "unreadable") from None
        if len(data) > LIMIT_BYTES:
            raise _unusable(name, "more than 8 MiB")
        return data


def _png(image: Image.Image) -> bytes:
    """The middle square of the upright picture, no larger than Discord shows it."""
    image.seek(0)
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    side = min(*upright.size, SIDE)
    out = BytesIO()
    ImageOps.fit(upright, (side, side)).save(out, "PNG")
    return out.getvalue()


def _unusable(name: str, why: str) -> BackendError:
    return BackendError("pictures_unusable", f"{name}: {why}", retryable=False)
