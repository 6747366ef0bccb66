"""Files people attach to messages, fetched by aiohttp, made harmless by Pillow and PyAV.

An attachment is foreign data behind a foreign address. Only known hosts are asked, over https, without
redirects; bytes are counted while they come, pixels before anything is decoded, and what a model gets was
encoded here. Sources: Pillow's handbook (formats, decompression bombs), FFmpeg's `max_pixels`.
"""

import asyncio
import io
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from urllib.parse import urlsplit

import aiohttp
import av
from PIL import Image, ImageOps, ImageSequence

from bus.errors import BackendError
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.backends.http_body import bounded
from procs.bot_main.backends.pillow_limit import LIMIT_PIXELS
from procs.bot_main.core.chat import Attachment
from procs.bot_main.core.vision import Kind, Moments, kind_of

DISCORD_HOSTS = ("cdn.discordapp.com", "media.discordapp.net")

LIMIT_BYTES = 25 * 1024 * 1024
LIMIT_VIDEO_PIXELS = 3840 * 2160
"""Of a frame after the first, of a GIF too: what reads it keeps more than one of them."""
LIMIT_VIDEO_S = 60.0
LIMIT_FRAMES = 4_000
"""Decoded of one GIF or video; a minute of 60 a second."""
DECODE_S = 8.0
"""Decoding ends then; what was seen so far counts."""
FETCH_S = 20.0
WAITING_MAX = 4
"""Attachments looked at or waiting for it."""
EDGE_PIXELS = 1024
"""Longest edge of what the model gets; vision models scale down to less than that."""
JPEG_QUALITY = 85


class HttpAttachments:
    """Implements `Attachments`.

    Args:
        hosts: further hosts, `host` or `host:port`, for a Discord of one's own.
        ca_file: certificate file to trust besides the system's.
    """

    def __init__(self, hosts: Iterable[str] = (), ca_file: str = "") -> None:
        self._hosts = {*DISCORD_HOSTS, *(host.lower() for host in hosts)}
        self._ca_file = ca_file
        self._http: aiohttp.ClientSession | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._n_waiting = 0

    async def pictures(self, attachment: Attachment) -> list[Picture]:
        """See `Attachments.pictures`."""
        self._require_known(attachment.url)
        if attachment.size_bytes > LIMIT_BYTES:
            raise BackendError("attachment_too_large", "by its message", retryable=False)
        if self._n_waiting >= WAITING_MAX:
            raise BackendError("busy", f"{WAITING_MAX} others are being looked at")
        self._n_waiting += 1
        try:
            data = await self._fetched(attachment.url)
            return await asyncio.get_running_loop().run_in_executor(self._thread, shown, data)
        finally:
            self._n_waiting -= 1

    async def close(self) -> None:
        """Close all connections."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._http is not None:
            await self._http.close()

    def _require_known(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = "" if parts.port in (None, 443) else f":{parts.port}"
        except ValueError:
            raise BackendError("attachment_unreachable", "no address", retryable=False) from None
        known = f"{(parts.hostname or '').lower()}{port}" in self._hosts
        if parts.scheme != "https" or not known or parts.username or parts.password:
            raise BackendError("attachment_unreachable", "not from Discord's own hosts", retryable=False)

    async def _fetched(self, url: str) -> bytes:
        try:
            async with asyncio.timeout(FETCH_S), self._session().get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise BackendError("attachment_unreachable", f"status {response.status}")
                body = await bounded(response, LIMIT_BYTES)
                if body is None:
                    detail = f"more than {LIMIT_BYTES} bytes"
                    raise BackendError("attachment_too_large", detail, retryable=False)
                return body
        except TimeoutError:
            raise BackendError("attachment_unreachable", f"not fetched in {FETCH_S:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:  # the last: an address aiohttp can't take
            raise BackendError("attachment_unreachable", type(error).__name__) from None

    def _session(self) -> aiohttp.ClientSession:
        """The connections; made at first use, because that needs a running loop."""
        if self._http is None:
            context = ssl.create_default_context()
            if self._ca_file:
                context.load_verify_locations(self._ca_file)
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                # A compressed body could be a thousand times what was counted, and pictures gain nothing.
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            )
        return self._http


def shown(data: bytes) -> list[Picture]:
    """A file as a model sees it. Blocks for up to `DECODE_S` and the time of one frame.

    Raises:
        BackendError: `attachment_too_large`, `attachment_unreadable`.
    """
    kind = kind_of(data[:16])
    if kind is None:
        raise BackendError("attachment_unreadable", "content of another kind", retryable=False)
    try:
        images = _of_video(data, kind) if kind.is_video else _of_image(data, kind)
        return [Picture("image/jpeg", _encoded(image)) for image in images]
    except BackendError:
        raise
    except Image.DecompressionBombError:
        raise BackendError(
            "attachment_too_large", f"more than {LIMIT_PIXELS} pixels", retryable=False
        ) from None
    except MemoryError:
        raise BackendError("attachment_too_large", "no memory for it", retryable=False) from None
    except Exception as error:  # whatever the readers make of foreign bytes: they document no common root
        raise BackendError(
            "attachment_unreadable", f"{kind.value}: {type(error).__name__}", retryable=False
        ) from None


def _of_image(data: bytes, kind: Kind) -> list[Image.Image]:
    """A picture, or moments of one that moves."""
    with Image.open(io.BytesIO(data), formats=(kind.value,)) as image:
        if kind in (Kind.GIF, Kind.WEBP):
            return _moments(_frames(image))
        # Of several pictures in a JPEG (its depth, the other eye) or PNG, everybody is shown the first.
        # A JPEG of twice the size or more is decoded at a fraction of it.
        image.draft("RGB", (EDGE_PIXELS, EDGE_PIXELS))
        return [_small(image)]


def _frames(image: Image.Image) -> Iterator[Callable[[], Image.Image]]:
    """Each frame's decoding. One may be larger than those before it, so the size of each is looked at."""
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number:
            _require_pixels(frame.width * frame.height)
        yield partial(_small, frame)


def _of_video(data: bytes, kind: Kind) -> list[Image.Image]:
    """Moments of a video. The reader is named, so that no playlist or script format is ever tried."""
    limits = {"max_pixels": str(LIMIT_VIDEO_PIXELS)}
    with av.open(
        io.BytesIO(data), "r", format=kind.value, options=limits, metadata_errors="ignore"
    ) as container:
        if not container.streams.video:
            raise BackendError("attachment_unreadable", "no picture in it", retryable=False)
        stream = container.streams.video[0]
        _require_pixels(stream.width * stream.height)
        if container.duration and container.duration / av.time_base > LIMIT_VIDEO_S:
            raise BackendError("attachment_too_large", f"more than {LIMIT_VIDEO_S:g} s", retryable=False)
        stream.codec_context.thread_count = 1
        return _moments(partial(_still, frame) for frame in container.decode(stream))


def _still(frame: av.VideoFrame) -> Image.Image:
    _require_pixels(frame.width * frame.height)
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return _small(image)


def _moments(frames: Iterator[Callable[[], Image.Image]]) -> list[Image.Image]:
    """First, middle and last of the frames that can be decoded in time.

    One that can't be read ends the row: a GIF or video that is cut off counts as far as it goes. One that is
    too large ends it all.
    """
    deadline = time.monotonic() + DECODE_S
    moments: Moments[Image.Image] = Moments()
    last: Callable[[], Image.Image] | None = None
    try:
        for frame in islice(frames, LIMIT_FRAMES):
            if moments.wants():
                moments.keep(frame())
            last = frame
            if time.monotonic() > deadline:
                break
    except (BackendError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        if last is None:
            raise
        last = None  # the reader may stand in the middle of what it could not read
    images = moments.chosen(last)
    if not images:
        raise BackendError("attachment_unreadable", "no picture in it", retryable=False)
    return images


def _require_pixels(n_pixels: int) -> None:
    if n_pixels > LIMIT_VIDEO_PIXELS:
        raise BackendError("attachment_too_large", f"{n_pixels} pixels", retryable=False)


def _small(image: Image.Image) -> Image.Image:
    """Upright, on white, no larger than a model needs, and nothing of the file but its pixels."""
    small = image.copy() if max(image.size) <= EDGE_PIXELS else _reduced(image)
    upright = ImageOps.exif_transpose(small)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        colours = upright.convert("RGBA")
        ground = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(ground, colours).convert("RGB")
    return upright.convert("RGB")


def _reduced(image: Image.Image) -> Image.Image:
    plain = image if image.mode in ("RGB", "RGBA", "L", "LA") else image.convert("RGBA")
    width, height = (max(1, round(edge * EDGE_PIXELS / max(image.size))) for edge in image.size)
    return plain.resize((width, height), reducing_gap=2.0)


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
