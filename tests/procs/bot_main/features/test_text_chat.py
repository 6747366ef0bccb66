import asyncio

import pytest

from bus.errors import BackendError
from procs.bot_main.core.chat import DM
from procs.bot_main.core.moods import DM_MS, SERVER_MS
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.text_chat import CHANNELS
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features.text_chat import TextChat, make
from procs.bot_main.mood_now import mood_now
from tests.procs.bot_main.features.hands import Hands, call, hands
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HOME, HandChat
from tests.waiting import until

pytestmark = pytest.mark.unit

SECTIONS = (
    TextSettings(evil_model="dark", history_messages=4),
    Personas("I am {name}.", "I am dark {name}."),
)


def chat_of(world: Hands) -> TextChat:
    feature = make(world.kit)
    assert isinstance(feature, TextChat)
    return feature


async def test_who_speaks_to_her_is_answered_by_name_and_with_what_was_said_before():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        for who, text in ((ANNA, "I like leeks"), (BERT, "me too")):
            message = world.chat.says(text, by=who, is_addressed=True)
            assert feature.wants(message)
            await feature.take(message)
        assert world.chat.texts() == ["La la la!"] * 2
        assert not feature.wants(world.chat.says("just talk"))
        roles = [(m.role, m.content) for m in world.model.asked[1][1:]]
        assert roles == [("user", "Anna: I like leeks"), ("assistant", "La la la!"), ("user", "Bert: me too")]
        assert world.model.asked[0][0].content.startswith("I am Miku.")


async def test_what_a_channel_said_survives_a_restart_stays_in_it_and_is_bounded():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        for n in range(10):
            await feature.take(world.chat.says(f"line {n}", is_addressed=True))
        await world.shelf.written()
    async with hands(SECTIONS, disk=world.disk) as later:
        feature = chat_of(later)
        await feature.take(later.chat.says("again", is_addressed=True))
        said = [m.content for m in later.model.asked[0][1:]]
        assert said[-1] == "Anna: again"
        assert "Anna: line 9" in said
        assert len(said) <= 5
        await feature.take(later.chat.says("elsewhere", channel_id=GENERAL + 1, is_addressed=True))
        assert [m.content for m in later.model.asked[1][1:]] == ["Anna: elsewhere"]


async def test_only_so_many_channels_are_remembered():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        for n in range(CHANNELS + 5):
            world.clock.advance_ms(1)
            await feature.answer(world.chat.says("hi", channel_id=1_000 + n, is_addressed=True))
        keys = {key for key, _ in world.shelf.all("history")}
        assert keys == {str(1_000 + n) for n in range(5, CHANNELS + 5)}


async def test_a_mood_belongs_to_its_place_and_survives_a_restart():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        assert await feature.command(call("mood", "shy")) == "Now I'm feeling shy here. 👉👈"
        await feature.command(call("mood", "happy", guild_id=DM))
        assert "I know: neutral" in await feature.command(call("mood", "hangry"))
        await world.shelf.written()
    async with hands(SECTIONS, disk=world.disk, clock=world.clock) as later:
        assert mood_now(later.shelf, HOME) == "shy"
        assert mood_now(later.shelf) == "happy"
        feature = chat_of(later)
        assert await feature.command(call("mood")) == "I'm feeling shy here. 👉👈"
        await feature.take(later.chat.says("hi", is_addressed=True))
        await feature.answer(later.chat.says("hi", guild_id=DM, channel_id=77))
        feelings = [asked[0].content for asked in later.model.asked]
        assert "Miku is currently feeling: shy" in feelings[0]
        assert "Miku is currently feeling: happy" in feelings[1]


async def test_moods_turn_each_hour_in_a_server_and_each_two_in_direct_messages():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        for guild_id in (HOME, DM):
            await feature.command(call("mood", "neutral", guild_id=guild_id))
        world.clock.advance_ms(SERVER_MS)
        assert "neutral" not in await feature.command(call("mood"))
        assert "neutral" in await feature.command(call("mood", guild_id=DM))
        world.clock.advance_ms(DM_MS - SERVER_MS)
        assert "neutral" not in await feature.command(call("mood", guild_id=DM))


async def test_each_server_shows_its_own_mood_by_nickname_and_only_when_it_changes():
    chat = HandChat()
    chat.guilds = [HOME, 2]
    async with hands(SECTIONS, chat=chat) as world:
        feature = chat_of(world)
        await feature.command(call("mood", "asleep"))
        await feature.command(call("mood", "happy", guild_id=DM))
        running = asyncio.create_task(feature.run())
        await until(lambda: world.shelf.get("mood", "2"))
        running.cancel()
        assert chat.nicknames == {HOME: "Miku💤"}, "the second server is neutral, and its name stands"
        chat.nicknames.clear()
        await feature.command(call("mood"))
        assert chat.nicknames == {}
        chat.fails("set_nickname", "discord_forbidden", times=None)
        await feature.command(call("mood", "happy"))
        assert world.lines("info", "nickname") == [{"code": "discord_forbidden"}]
        await feature.command(call("mood"))
        assert len(world.lines("info", "nickname")) == 1, "what is forbidden is not tried all the time"


async def test_her_evil_self_has_another_persona_and_model_and_survives_a_restart():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        assert "Tremble" in await feature.command(call("evil", "on"))
        await world.shelf.written()
    async with hands(SECTIONS, disk=world.disk) as later:
        feature = chat_of(later)
        await feature.take(later.chat.says("hi", is_addressed=True))
        assert later.model.asked[0][0].content.startswith("I am dark Miku.")
        assert later.model.models == ["dark"]
        assert await feature.command(call("evil", "off")) == "Miku is writing."
        await feature.take(later.chat.says("hi", is_addressed=True))
        assert later.model.models == ["dark", ""]
        assert "on" in await feature.command(call("evil", "perhaps"))


async def test_a_model_that_is_down_is_the_features_condition_until_it_is_back():
    async with hands(SECTIONS) as world:
        feature = chat_of(world)
        world.model.code = "llm_unreachable"
        with pytest.raises(BackendError):
            await feature.answer(world.chat.says("hi", is_addressed=True))
        assert feature.code == "llm_unreachable"
        assert world.shelf.get("history", str(GENERAL)) is None
        world.model.code, world.model.answer = "", "Miku: hello!"
        assert await feature.answer(world.chat.says("hi", is_addressed=True)) == "hello!"
        assert feature.code == ""


async def test_a_shelf_with_nonsense_on_it_is_no_harm():
    async with hands(SECTIONS) as world:
        world.shelf.put("history", str(GENERAL), {"messages": [["system", "x"], 3, ["user"], ["user", 4]]})
        world.shelf.put("mood", str(HOME), {"name": 7, "until_ms": "soon"})
        feature = chat_of(world)
        assert await feature.answer(world.chat.says("hi", is_addressed=True)) == "La la la!"
        assert len(world.model.asked[0]) == 2


async def test_a_foreign_command_is_refused():
    async with hands(SECTIONS) as world:
        with pytest.raises(BackendError):
            await chat_of(world).command(call("draw", "a cat"))
