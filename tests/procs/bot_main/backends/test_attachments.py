"""Attachments over real sockets (TLS), and what becomes of good, bad and hostile files."""

import asyncio
import io
import ssl
import struct
import zlib
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import trustme
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bus.errors import BackendError
from procs.bot_main.backends import attachments
from procs.bot_main.backends.attachments import EDGE_PIXELS, HttpAttachments, shown
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.core.chat import Attachment
from tests.waiting import until

pytestmark = pytest.mark.flow

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def gif(*colours: tuple[int, int, int], size: int = 32) -> bytes:
    first, *rest = (Image.new("RGB", (size, size), colour) for colour in colours)
    return encoded(first, "GIF", save_all=True, append_images=rest, duration=50)


def video(*colours: tuple[int, int, int], kind: str = "mp4", frames_each: int = 5, rate: int = 10) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream("mpeg4" if kind in ("mp4", "mov") else "libvpx", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for colour in colours:
            for _ in range(frames_each):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), colour, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def opened(picture: Picture) -> Image.Image:
    assert picture.media_type == "image/jpeg"
    return Image.open(io.BytesIO(picture.data))


def colour_of(picture: Picture) -> str:
    pixel = opened(picture).convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    return "rgb"[pixel.index(max(pixel))]


def code_of(data: bytes) -> str:
    with pytest.raises(BackendError) as caught:
        shown(data)
    return caught.value.code


def png_head(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def gif_head(width: int, height: int) -> bytes:
    """A GIF whose only frame claims a size and holds nothing."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x01\x00\x00"


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_a_small_jpeg(kind: str):
    (picture,) = shown(encoded(Image.new("RGB", (2_000, 1_000), GREEN), kind))
    assert opened(picture).size == (EDGE_PIXELS, EDGE_PIXELS // 2)
    assert colour_of(picture) == "g"


def test_what_is_transparent_is_white_and_what_lies_on_its_side_is_upright():
    clear = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    (picture,) = shown(encoded(clear, "PNG"))
    assert opened(picture).getpixel((3, 3)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    (picture,) = shown(encoded(Image.new("RGB", (3_000, 1_500), RED), "JPEG", exif=exif))
    assert opened(picture).size == (EDGE_PIXELS // 2, EDGE_PIXELS)
    assert not opened(picture).getexif()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_way_to_store_colours_is_read(mode: str):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.new(mode, (1_200, 600))
    (picture,) = shown(encoded(image, kind))
    assert opened(picture).size == (EDGE_PIXELS, EDGE_PIXELS // 2)


def test_a_gif_is_seen_at_its_beginning_middle_and_end():
    pictures = shown(gif(RED, RED, GREEN, GREEN, BLUE))
    assert [colour_of(picture) for picture in pictures] == ["r", "g", "b"]


@pytest.mark.parametrize("edge", [3_000, 9_000])
def test_a_gif_that_grows_beyond_the_limit_is_refused_before_it_is_decoded(edge: int):
    small, large = gif(RED), gif_head(edge, edge)
    grown = small[:-1] + large[large.index(b",") :] + b";"
    assert code_of(grown) == "attachment_too_large"


def test_what_moves_has_the_limit_of_a_video():
    large = Image.new("L", (3_000, 3_000)), Image.new("L", (3_000, 3_000), 9)
    for kind in ("GIF", "WEBP"):
        assert len(shown(encoded(large[0], kind))) == 1
        assert (
            code_of(encoded(large[0], kind, save_all=True, append_images=large[1:])) == "attachment_too_large"
        )


def test_of_several_pictures_in_a_photograph_only_the_first_is_ever_decoded():
    first, second = Image.new("RGB", (32, 32), GREEN), Image.new("RGB", (6_400, 6_400), RED)
    for kind in ("MPO", "PNG"):
        pictures = shown(encoded(first, kind, save_all=True, append_images=[second.resize((32, 32))]))
        assert [colour_of(picture) for picture in pictures] == ["g"]
    hostile = encoded(first, "MPO", save_all=True, append_images=[second])
    assert [colour_of(picture) for picture in shown(hostile)] == ["g"]


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm"])
def test_a_video_is_seen_at_its_beginning_middle_and_end(kind: str):
    pictures = shown(video(RED, GREEN, BLUE, kind=kind))
    assert [colour_of(picture) for picture in pictures] == ["r", "g", "b"]


def test_a_long_gif_ends_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attachments, "DECODE_S", 0.0)
    assert [colour_of(picture) for picture in shown(gif(RED, GREEN, BLUE))] == ["r"]
    monkeypatch.setattr(attachments, "DECODE_S", 8.0)
    monkeypatch.setattr(attachments, "LIMIT_FRAMES", 2)
    assert [colour_of(picture) for picture in shown(gif(RED, GREEN, BLUE))] == ["r", "g"]


def test_a_file_that_was_cut_off_counts_as_far_as_it_goes():
    whole, moving = video(RED, GREEN, BLUE, kind="webm"), gif(RED, GREEN)
    for n_bytes in range(moving.rindex(b","), len(moving)):
        assert colour_of(shown(moving[:n_bytes])[0]) == "r"
    assert colour_of(shown(whole[: len(whole) * 2 // 3])[0]) == "r"
    assert code_of(encoded(Image.effect_noise((200, 200), 80), "PNG")[:5_000]) == "attachment_unreadable"


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (100_000_000, 1), (6_400, 6_400)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(width: int, height: int):
    assert code_of(png_head(width, height)) == "attachment_too_large"


def test_a_video_that_is_too_long_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch):
    assert code_of(video(RED, frames_each=70, rate=1)) == "attachment_too_large"
    monkeypatch.setattr(attachments, "LIMIT_VIDEO_PIXELS", 1_000)
    assert code_of(video(RED)) in ("attachment_too_large", "attachment_unreadable")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MZ" + bytes(100),
        b"\xff\xd8\xff" + bytes(100),
        b"GIF89a" + b"\xff" * 100,
        b"\0\0\0\x18ftypisom" + bytes(200),
        b"\x1a\x45\xdf\xa3" + bytes(200),
    ],
)
def test_what_is_no_picture_is_unreadable_whatever_it_claims(data: bytes):
    assert code_of(data) == "attachment_unreadable"


WHOLE = [encoded(Image.effect_noise((40, 40), 90), "PNG"), gif(RED, GREEN, BLUE), video(RED, BLUE)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(WHOLE), st.data())
def test_a_damaged_file_is_pictures_or_one_clear_error(whole: bytes, data: st.DataObject):
    damaged = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=20)):
        damaged[place] = data.draw(st.integers(0, 255))
    seen, code = [], ""
    try:
        seen = shown(bytes(damaged))
    except BackendError as error:
        code = error.code
    assert all(opened(picture) for picture in seen)
    assert bool(seen) != code.startswith("attachment_")


# --- fetching -------------------------------------------------------------------------------------------


class Files:
    """A file server with TLS."""

    def __init__(self) -> None:
        self.data = encoded(Image.new("RGB", (50, 50), BLUE), "PNG")
        self.asked: list[str] = []
        self.cookies: list[str] = []
        self.host = ""
        self.n_endless = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        match request.match_info["what"]:
            case "elsewhere":
                raise web.HTTPFound(f"https://{self.host}/cat.png")
            case "missing":
                return web.Response(status=404)
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while self.n_endless < 500:  # 50 MB
                    self.n_endless += 1
                    await response.write(bytes(100_000))
                    await asyncio.sleep(0.002)
            case "silent":
                await asyncio.Event().wait()
        return web.Response(body=self.data)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    files, app = Files(), web.Application()
    app.router.add_get("/{what}", files.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
    files.host = f"localhost:{runner.addresses[0][1]}"
    yield files
    await runner.cleanup()


@pytest.fixture
async def fetching(files: Files, tmp_path: Path) -> AsyncIterator[HttpAttachments]:
    fetching = HttpAttachments([files.host], str(tmp_path / "ca.pem"))
    yield fetching
    await fetching.close()


def attachment(url: str, size_bytes: int = 100) -> Attachment:
    return Attachment(1, "cat.png", url, "image/png", size_bytes)


async def refusal(fetching: HttpAttachments, asked: Attachment) -> str:
    with pytest.raises(BackendError) as caught:
        await fetching.pictures(asked)
    return caught.value.code


async def test_a_picture_is_fetched(files: Files, fetching: HttpAttachments):
    (picture,) = await fetching.pictures(attachment(f"https://{files.host}/cat.png"))
    assert colour_of(picture) == "b"


@pytest.mark.parametrize(
    "url",
    [
        "http://{host}/cat.png",
        "https://{host}.evil.example/cat.png",
        "https://evil.example/https://{host}/cat.png",
        "https://user@{host}/cat.png",
        "https://cdn.discordapp.com:444/cat.png",
        "https://cdn.discordapp.com.evil.example/cat.png",
        "https://127.0.0.1/cat.png",
        "file:///etc/passwd",
        "https://[::1",
        "https://cdn.discordapp.com:99999/x",
        "",
    ],
)
async def test_no_other_host_is_ever_asked(url: str, files: Files, fetching: HttpAttachments):
    asked = attachment(url.replace("{host}", files.host))
    assert await refusal(fetching, asked) == "attachment_unreachable"
    assert files.asked == []


async def test_no_redirect_is_followed(files: Files, fetching: HttpAttachments):
    assert await refusal(fetching, attachment(f"https://{files.host}/elsewhere")) == "attachment_unreachable"
    assert files.asked == ["/elsewhere"]


async def test_what_cannot_be_had_is_unreachable(
    files: Files, fetching: HttpAttachments, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attachments, "FETCH_S", 0.3)
    for what in ("missing", "silent"):
        assert await refusal(fetching, attachment(f"https://{files.host}/{what}")) == "attachment_unreachable"


async def test_a_body_that_is_too_long_is_left_while_it_comes(
    files: Files, fetching: HttpAttachments, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attachments, "LIMIT_BYTES", 1_000_000)
    assert await refusal(fetching, attachment(f"https://{files.host}/endless")) == "attachment_too_large"
    assert files.n_endless < 400
    told = attachment(f"https://{files.host}/cat.png", 2_000_000)
    assert await refusal(fetching, told) == "attachment_too_large"
    assert files.asked == ["/endless"]


async def test_a_server_with_another_certificate_is_not_believed(files: Files):
    fetching = HttpAttachments([files.host])
    assert await refusal(fetching, attachment(f"https://{files.host}/cat.png")) == "attachment_unreachable"
    assert files.asked == []
    await fetching.close()


async def test_only_a_few_wait_at_a_time(files: Files, fetching: HttpAttachments):
    slow = attachment(f"https://{files.host}/silent")
    tasks = [asyncio.create_task(fetching.pictures(slow)) for _ in range(attachments.WAITING_MAX)]
    await until(lambda: len(files.asked) == attachments.WAITING_MAX)
    assert await refusal(fetching, attachment(f"https://{files.host}/cat.png")) == "busy"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(await fetching.pictures(attachment(f"https://{files.host}/cat.png"))) == 1
