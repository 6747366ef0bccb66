"""Drawing: what people see from the request to the picture, through a ComfyUI that behaves and misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bus.errors import BackendError, sentence
from procs.bot_main.backends import comfyui
from procs.bot_main.backends.base_images import Painter
from procs.bot_main.backends.comfyui import ComfyUi
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.drawing import BUILT_IN
from procs.bot_main.feature_settings import DrawingSettings
from procs.bot_main.features import drawing
from procs.bot_main.features.base import Feature
from tests.doubles.comfyui import ComfyDouble, Run
from tests.procs.bot_main.features.hands import Hands, call, hands
from tests.procs.bot_main.hand_chat import ANNA, BERT
from tests.waiting import until

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui, "LOOK_S", 0.05)


@asynccontextmanager
async def easel(comfy: ComfyDouble, time_limit_s: float = 20) -> AsyncIterator[tuple[Hands, Feature]]:
    painter = ComfyUi(comfy.url, BUILT_IN, "", time_limit_s)
    settings = DrawingSettings(base_url=comfy.url)
    async with hands([settings], {Painter: painter}) as parts:
        yield parts, drawing.make(parts.kit)
    await painter.close()


def ask(parts: Hands, text: str) -> Incoming:
    return parts.chat.says(text, is_addressed=True)


async def test_a_picture_is_posted_and_its_progress_message_finished():
    async with ComfyDouble() as comfy, easel(comfy) as (parts, feature):
        message = ask(parts, "Miku, draw me a cat")
        assert feature.wants(message)
        await feature.take(message)
        assert parts.chat.texts() == ["🎨 Done!", ""]
        post = parts.chat.posted[1].post
        assert [(file.name, file.data) for file in post.files] == [("drawing.png", comfy.image)]
        assert post.reply_to == message.id
        assert post.pings == ()
        assert comfy.prompts[0]["2"]["inputs"]["text"] == "a cat"


async def test_only_who_addresses_her_is_drawn_for():
    async with ComfyDouble() as comfy, easel(comfy) as (parts, feature):
        assert not feature.wants(parts.chat.says("draw me a cat"))
        assert not feature.wants(ask(parts, "my drawer is stuck"))


async def test_progress_is_shown_at_most_every_two_seconds():
    async with ComfyDouble(Run(steps=10, step_ms=20)) as comfy, easel(comfy) as (parts, feature):
        task = asyncio.create_task(feature.take(ask(parts, "draw a cat")))
        await until(lambda: comfy.prompts)
        parts.clock.advance_ms(2_001)
        await until(lambda: parts.chat.posted[0].edits)
        await task
        posted = parts.chat.posted[0]
        told = [post.text for post in posted.edits]
        assert told[0] == "🎨 Drawing ..."
        assert len(told) == 2  # one step of its progress, for one step of the clock, then the end
        assert "%" in told[1]
        assert posted.post.text == "🎨 Done!"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("refuse", "drawing_refused"),
        ("error", "drawing_failed"),
        ("out_of_memory", "drawing_no_memory"),
        ("hang", "drawing_timeout"),
    ],
)
async def test_what_goes_wrong_is_one_clear_line(fault: str, code: str):
    async with ComfyDouble() as comfy, easel(comfy, 0.5) as (parts, feature):
        comfy.play(Run(fault=fault))
        with pytest.raises(BackendError) as caught:
            await feature.take(ask(parts, "draw a cat"))
        assert caught.value.code == code
        assert parts.chat.texts() == []  # the house answers with the one line
        await until(lambda: comfy.is_idle)
        await feature.take(ask(parts, "draw a dog"))
        assert parts.chat.texts()[0] == "🎨 Done!"


async def test_a_server_that_is_down_is_one_clear_line():
    async with ComfyDouble() as comfy, easel(comfy) as (parts, feature):
        await comfy.stop()
        with pytest.raises(BackendError) as caught:
            await feature.take(ask(parts, "draw a cat"))
        assert caught.value.code == "drawing_unavailable"
        assert parts.chat.texts() == []
        asked = replace(call("draw", "a fox"), invoked=parts.chat.invokes("draw"), message_id=0)
        assert await feature.command(asked) == ""
        assert parts.chat.texts() == [f"🎨 {sentence('drawing_unavailable')}"]
        await comfy.start()


async def test_without_a_server_whoever_asks_is_told():
    async with hands([DrawingSettings()]) as parts:
        with pytest.raises(BackendError) as caught:
            await drawing.make(parts.kit).take(ask(parts, "draw a cat"))
        assert caught.value.code == "drawing_unavailable"


async def test_a_drawing_that_is_cancelled_leaves_the_server_and_says_so():
    async with ComfyDouble(Run(fault="hang")) as comfy, easel(comfy) as (parts, feature):
        task = asyncio.create_task(feature.take(ask(parts, "draw a cat")))
        await until(lambda: comfy.prompts)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: comfy.is_idle)
        assert parts.chat.texts() == [drawing.STOPPED]


async def test_one_is_drawn_at_a_time_and_the_line_is_short():
    loaded = asyncio.Event()
    async with ComfyDouble(Run(loaded=loaded)) as comfy, easel(comfy) as (parts, feature):
        asks = [ask(parts, f"draw cat number {n}") for n in range(drawing.WAITING_MAX + 1)]
        tasks = [asyncio.create_task(feature.take(message)) for message in asks[:-1]]
        await until(lambda: comfy.prompts and len(parts.chat.posted) == drawing.WAITING_MAX)
        assert parts.chat.texts()[1].startswith("🎨 1 picture before yours")
        with pytest.raises(BackendError) as caught:
            await feature.take(asks[-1])
        assert caught.value.code == "drawing_busy"
        assert len(comfy.prompts) == 1
        loaded.set()
        await asyncio.gather(*tasks)
        assert len(comfy.prompts) == drawing.WAITING_MAX
        assert parts.chat.texts().count("🎨 Done!") == drawing.WAITING_MAX


async def test_an_edit_that_discord_refuses_costs_no_picture():
    async with ComfyDouble() as comfy, easel(comfy) as (parts, feature):
        parts.chat.fails("edit", "discord_forbidden", None)
        await feature.take(ask(parts, "draw a cat"))
        assert len(parts.chat.posted[1].post.files) == 1


async def test_the_command_draws_too():
    async with ComfyDouble() as comfy, easel(comfy) as (parts, feature):
        assert "Tell me what to draw" in await feature.command(call("draw", "  "))
        assert await feature.command(call("draw", "the drawer of a desk", by=BERT)) == ""
        assert comfy.prompts[0]["2"]["inputs"]["text"] == "the drawer of a desk"
        invoked = parts.chat.invokes("draw", ANNA, text="a fox")
        asked = replace(call("draw", "a fox"), invoked=invoked, message_id=0)
        assert await feature.command(asked) == ""
        assert [post.text for post in parts.chat.answers(invoked)] == ["🎨 I'm on it!"]
        assert comfy.prompts[1]["2"]["inputs"]["text"] == "a fox"
