from io import BytesIO

import pytest
from PIL import Image

from bus.errors import BackendError
from procs.bot_main.backends.pictures_folder import LIMIT_BYTES, SIDE, PicturesFolder

pytestmark = pytest.mark.unit


def save(path, size=(300, 200), kind="PNG", color="red", **options):
    Image.new("RGB", size, color).save(path, kind, **options)


async def test_pictures_are_found_by_their_ending_and_as_they_are_now(tmp_path):
    folder = PicturesFolder(tmp_path)
    assert await folder.names() == ()
    save(tmp_path / "happy1.png")
    save(tmp_path / "happy2.JPG", kind="JPEG")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.png").mkdir()
    assert await folder.names() == ("happy1.png", "happy2.JPG")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (3000, 2500), (1, 1)])
async def test_every_picture_becomes_a_square_png(tmp_path, kind, size):
    save(tmp_path / "happy.png", size, kind)
    data = await PicturesFolder(tmp_path).read("happy.png")
    image = Image.open(BytesIO(data))
    assert image.format == "PNG"
    assert image.size == (min(*size, SIDE),) * 2
    assert len(data) <= LIMIT_BYTES


async def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (64, 64), color) for color in ("blue", "red")]
    frames[0].save(tmp_path / "happy.gif", save_all=True, append_images=frames[1:])
    image = Image.open(BytesIO(await PicturesFolder(tmp_path).read("happy.gif")))
    assert getattr(image, "n_frames", 1) == 1
    assert image.convert("RGB").getpixel((32, 32)) == (0, 0, 255)


@pytest.mark.parametrize(
    "data",
    [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, b"GIF89a", b"<svg/>", b"BM" + b"\x00" * 100],
)
async def test_what_is_no_picture_is_refused_whatever_its_name(tmp_path, data):
    (tmp_path / "happy.png").write_bytes(data)
    with pytest.raises(BackendError) as raised:
        await PicturesFolder(tmp_path).read("happy.png")
    assert raised.value.code == "pictures_unusable"


async def test_a_picture_that_is_cut_off_is_refused(tmp_path):
    save(tmp_path / "happy.png", (800, 800))
    whole = (tmp_path / "happy.png").read_bytes()
    (tmp_path / "happy.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackendError):
        await PicturesFolder(tmp_path).read("happy.png")


async def test_a_picture_that_would_unpack_to_too_much_is_refused_before_it_does(tmp_path):
    Image.new("1", (9_000, 9_000)).save(tmp_path / "happy.png")
    assert (tmp_path / "happy.png").stat().st_size < 100_000
    with pytest.raises(BackendError, match="more than 40000000 pixels"):
        await PicturesFolder(tmp_path).read("happy.png")


async def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "happy.png").write_bytes(b"\x00" * (LIMIT_BYTES + 1))
    with pytest.raises(BackendError, match="8 MiB"):
        await PicturesFolder(tmp_path).read("happy.png")


async def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BackendError) as raised:
        await PicturesFolder(tmp_path / "no").names()
    assert raised.value.code == "pictures_unusable"
    with pytest.raises(BackendError):
        await PicturesFolder(tmp_path).read("gone.png")
