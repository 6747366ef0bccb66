"""Vision: what people see who show her something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bus.errors import BackendError
from procs.bot_main import writing
from procs.bot_main.backends.base_images import Attachments, VisionModel
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.core.chat import Attachment, Incoming
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import VisionSettings
from procs.bot_main.features import vision
from procs.bot_main.features.base import Feature
from tests.procs.bot_main.features.hands import Hands, hands
from tests.procs.bot_main.features.told_model import ToldModel
from tests.procs.bot_main.hand_chat import GENERAL
from tests.waiting import until

pytestmark = pytest.mark.unit

CAT, CLIP, BAD = (
    Attachment(n, name, f"https://cdn.discordapp.com/{name}", "", 100)
    for n, name in enumerate(("cat.png", "clip.mp4", "bad.png"))
)


class TwoFiles:
    """A cat, a clip of three moments, and a file that is none."""

    def __init__(self) -> None:
        self.hangs = False

    async def pictures(self, attachment: Attachment) -> list[Picture]:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if attachment == BAD:
            raise BackendError("attachment_unreadable", "by hand")
        return [Picture("image/jpeg", attachment.name.encode())] * (3 if attachment == CLIP else 1)


@asynccontextmanager
async def eyes(
    model: ToldModel, files: TwoFiles | None = None, base_url: str = "http://eyes"
) -> AsyncIterator[tuple[Hands, Feature]]:
    sections = [VisionSettings(base_url=base_url, model="eyes"), Personas(miku="You are {name}, a singer.")]
    services = {VisionModel: model, Attachments: files or TwoFiles()}
    async with hands(sections, services) as parts:
        yield parts, vision.make(parts.kit)


def show(parts: Hands, *attachments: Attachment, text: str = "what is it?") -> Incoming:
    return parts.chat.says(text, is_addressed=True, attachments=attachments)


async def test_she_says_what_she_sees():
    model = ToldModel("A cat!")
    async with eyes(model) as (parts, feature):
        message = show(parts, CAT, CLIP)
        assert feature.wants(message)
        await feature.take(message)
        assert parts.chat.texts() == ["A cat!"]
        assert parts.chat.posted[0].post.reply_to == message.id
        assert parts.chat.typed == [GENERAL]
        messages, used, pictures = model.asked[0]
        assert used == "eyes"
        assert [picture.data for picture in pictures] == [b"cat.png", *[b"clip.mp4"] * 3]
        assert messages[0].content.startswith("You are Miku, a singer.")
        assert messages[1].content.endswith("Anna: what is it?")
        assert "https://" not in "".join(one.content for one in messages)


async def test_her_evil_self_looks_too_while_she_writes():
    model = ToldModel("Pathetic cat.")
    async with eyes(model) as (parts, feature):
        parts.shelf.put("persona", "all", {"name": "evil"})
        await feature.take(show(parts, CAT))
        assert "dark twin" in model.asked[0][0][0].content


async def test_only_pictures_that_are_for_her():
    async with eyes(ToldModel("A cat!")) as (parts, feature):
        assert not feature.wants(parts.chat.says("look", attachments=(CAT,)))
        assert not feature.wants(show(parts, text="look: https://tenor.com/cat.gif"))


async def test_one_bad_file_among_good_ones_costs_only_itself():
    model = ToldModel("A cat!")
    async with eyes(model) as (parts, feature):
        await feature.take(show(parts, BAD, CAT))
        assert [picture.data for picture in model.asked[0][2]] == [b"cat.png"]
        with pytest.raises(BackendError) as caught:
            await feature.take(show(parts, BAD))
        assert caught.value.code == "attachment_unreadable"


@pytest.mark.parametrize("code", ["llm_unreachable", "llm_timeout", "llm_failed"])
async def test_a_vision_model_that_is_down_has_its_own_remedy(code: str):
    async with eyes(ToldModel(BackendError(code, "by hand"))) as (parts, feature):
        with pytest.raises(BackendError) as caught:
            await feature.take(show(parts, CAT))
        assert caught.value.code == "vision_unavailable"
        assert code in caught.value.detail


async def test_without_a_vision_model_whoever_asks_is_told():
    async with eyes(ToldModel("x"), base_url="") as (parts, feature):
        with pytest.raises(BackendError) as caught:
            await feature.take(show(parts, CAT))
        assert caught.value.code == "vision_unavailable"


async def test_cancelled_it_says_nothing_and_types_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "TYPING_S", 0.005)
    files = TwoFiles()
    files.hangs = True
    async with eyes(ToldModel("A cat!"), files) as (parts, feature):
        parts.chat.fails("typing", "discord_forbidden")
        task = asyncio.create_task(feature.take(show(parts, CAT)))
        await until(lambda: len(parts.chat.typed) > 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        n = len(parts.chat.typed)
        await asyncio.sleep(0.02)
        assert (len(parts.chat.typed), parts.chat.texts()) == (n, [])
