"""Bipolar mode: an argument as people see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bus.errors import BackendError
from procs.bot_main.core.chat import DM, Incoming
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import BipolarSettings, TextSettings
from procs.bot_main.features import bipolar
from procs.bot_main.features.base import Feature
from tests.procs.bot_main.features.hands import DictDocuments, Hands, call, hands
from tests.procs.bot_main.features.told_model import ToldModel
from tests.procs.bot_main.hand_chat import GENERAL
from tests.waiting import until

pytestmark = pytest.mark.unit

SPARK = "Evil Miku is so much better than Miku"
QUIET_NOW = {"quiet_hours": {"value": [14 * 60, 16 * 60]}}
"""A server's settings; it is 14:23."""


@asynccontextmanager
async def stage(
    model: ToldModel, disk: DictDocuments | None = None, **settings: object
) -> AsyncIterator[tuple[Hands, Feature]]:
    chosen = {"enabled": True, "pause_s": 0.0, "evil_avatar_url": "https://x/evil.png", **settings}
    sections = [BipolarSettings(**chosen), TextSettings(evil_model="dark"), Personas()]  # type: ignore[arg-type]
    async with hands(sections, disk=disk) as parts:
        yield parts, bipolar.make(replace(parts.kit, text=model))


def spark(parts: Hands, text: str = SPARK, guild_id: int = 1) -> Incoming:
    return parts.chat.says(text, guild_id=guild_id)


async def test_they_take_turns_under_their_own_names_and_faces():
    model = ToldModel("Hah!", "Miku: Rude!", "Weak.", "Am not!")
    async with stage(model, rounds=2) as (parts, feature):
        message = spark(parts)
        assert feature.wants(message)
        await feature.take(message)
        said = [(one.mask.name, one.post.text) for one in parts.chat.posted if one.mask]
        assert said == [("Evil Miku", "Hah!"), ("Miku", "Rude!"), ("Evil Miku", "Weak."), ("Miku", "Am not!")]
        faces = [one.mask.avatar_url for one in parts.chat.posted if one.mask]
        assert faces[:2] == ["https://x/evil.png", ""]
        assert [used for _, used, _ in model.asked] == ["dark", "", "dark", ""]
        assert "dark twin" in model.asked[0][0][0].content
        assert all(one.post.pings == () for one in parts.chat.posted)


async def test_a_channel_rests_after_an_argument_and_others_do_not():
    async with stage(ToldModel("Hah!"), rounds=1, cooldown_s=600.0) as (parts, feature):
        await feature.take(spark(parts))
        assert not feature.wants(spark(parts))
        assert feature.wants(parts.chat.says(SPARK, channel_id=GENERAL + 1))
        parts.clock.advance_ms(600_000)
        assert feature.wants(spark(parts))


async def test_it_ends_when_the_channel_has_other_things_to_talk_about():
    async with stage(ToldModel("Hah!"), rounds=10, busy_messages=2) as (parts, feature):
        message = spark(parts)
        parts.chat.says("what's for dinner?")
        parts.chat.says("pizza")
        await feature.take(message)
        assert parts.chat.texts() == ["Hah!"]


async def test_in_quiet_hours_they_argue_only_where_she_is_spoken_to():
    async with stage(ToldModel("Hah!"), rounds=1) as (parts, feature):
        parts.shelf.put("guild", "1", QUIET_NOW)
        assert not feature.wants(spark(parts))
        assert feature.wants(spark(parts, guild_id=2)), "other servers have hours of their own"
        asked = parts.chat.says(SPARK, is_addressed=True)
        assert feature.wants(asked)
        await feature.take(asked)
        assert len(parts.chat.texts()) == 2
        parts.clock.advance_ms(2 * 3_600_000)
        assert feature.wants(spark(parts))


async def test_it_ends_when_quiet_hours_begin():
    async with stage(ToldModel("Hah!"), rounds=10, pause_s=0.05) as (parts, feature):
        task = asyncio.create_task(feature.take(spark(parts)))
        await until(parts.chat.texts)
        parts.shelf.put("guild", "1", QUIET_NOW)
        n_said = len(parts.chat.texts())
        await task
        assert len(parts.chat.texts()) == n_said < 20


async def test_a_history_that_cannot_be_read_ends_nothing():
    async with stage(ToldModel("Hah!"), rounds=1) as (parts, feature):
        parts.chat.fails("history", "discord_forbidden", None)
        await feature.take(spark(parts))
        assert len(parts.chat.texts()) == 2


async def test_it_ends_at_once_when_it_is_cancelled():
    async with stage(ToldModel("Hah!"), rounds=10, pause_s=60.0) as (parts, feature):
        message = spark(parts)
        task = asyncio.create_task(feature.take(message))
        await until(parts.chat.texts)
        assert not feature.wants(spark(parts))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert parts.chat.texts() == ["Hah!"]


async def test_a_model_that_is_down_is_told_to_who_asked():
    down = BackendError("llm_unreachable", "by hand")
    async with stage(ToldModel("Hah!", down)) as (parts, feature):
        with pytest.raises(BackendError) as caught:
            await feature.take(spark(parts))
        assert caught.value.code == "llm_unreachable"
        assert parts.chat.texts() == ["Hah!"]


async def test_an_empty_answer_ends_it():
    async with stage(ToldModel("Hah!", "Miku:")) as (parts, feature):
        await feature.take(spark(parts))
        assert parts.chat.texts() == ["Hah!"]


async def test_a_server_chooses_and_the_choice_survives_a_restart():
    disk = DictDocuments()
    async with stage(ToldModel("Hah!"), disk, enabled=False) as (parts, feature):
        assert not feature.wants(spark(parts))
        assert await feature.command(call("bipolar", "on")) == "Miku and Evil Miku may argue here."
        assert feature.wants(spark(parts))
        assert "Say `bipolar on`" in await feature.command(call("bipolar", "maybe"))
    async with stage(ToldModel("Hah!"), disk, enabled=False) as (parts, feature):
        assert feature.wants(spark(parts))
        assert not feature.wants(spark(parts, guild_id=2))
        assert "don't argue" in await feature.command(call("bipolar", "off"))
        assert not feature.wants(spark(parts))


async def test_never_in_direct_messages():
    async with stage(ToldModel("Hah!")) as (parts, feature):
        assert not feature.wants(spark(parts, guild_id=DM))
        assert "servers only" in await feature.command(call("bipolar", "on", guild_id=DM))
