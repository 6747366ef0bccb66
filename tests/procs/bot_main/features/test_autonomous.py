import asyncio

import pytest

from procs.bot_main.core.autonomous import MIN_GAP_S, REACT_EVERY_S
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import AutonomousSettings, TextSettings
from procs.bot_main.features.autonomous import Autonomous, make
from tests.procs.bot_main.features.hands import DictDocuments, Hands, call, hands
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HOME, SECRET
from tests.waiting import until

pytestmark = pytest.mark.unit

ON = AutonomousSettings(enabled=True)


async def engine(h: Hands, draw: float = 0.0, mood: str = "bubbly") -> Autonomous:
    """The feature, with her channel chosen and the first distance over."""
    feature = Autonomous(h.kit, lambda: draw)
    await feature.command(call("autonomous", "on"))
    h.shelf.put("mood", str(HOME), {"name": mood})
    await feature.look()
    h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
    return feature


async def crowd(h: Hands, feature: Autonomous, n: int = 20, **said) -> list[int]:
    """People write; returns the ids of their messages."""
    ids = []
    for i in range(n):
        message = h.chat.says(f"words {i}", by=(ANNA, BERT)[i % 2], **said)
        ids.append(message.id)
        feature.heard(message)
        await feature.look()
    return ids


async def test_she_joins_a_lively_talk_in_her_channel_and_knows_what_it_is_about():
    async with hands([ON]) as h:
        feature = await engine(h)
        await crowd(h, feature)
        assert h.chat.texts() == ["La la la!"]
        asked = h.model.asked[0]
        assert "bubbly" in asked[0].content
        assert "Anna: words" in asked[1].content
        assert h.lines("info", "spoke by herself") == [{"act": "join"}]


async def test_what_she_says_by_herself_is_said_by_the_self_that_writes():
    personas = Personas("I am {name}, who sings.", "I am dark {name}.")
    async with hands([ON, TextSettings(evil_model="dark"), personas]) as h:
        feature = await engine(h)
        for name in ("miku", "evil"):
            h.shelf.put("persona", "all", {"name": name})
            await crowd(h, feature)
            h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
        sunny, dark = (asked[0].content for asked in h.model.asked)
        assert sunny.startswith("I am Miku, who sings.")
        assert dark.startswith("I am dark Miku.")
        assert "cheerful" not in dark
        assert h.model.models == ["", "dark"]


async def test_she_keeps_her_distance():
    async with hands([ON]) as h:
        feature = await engine(h)
        for _ in range(5):
            await crowd(h, feature)
        assert len(h.chat.posted) == 1
        h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
        await crowd(h, feature)
        assert len(h.chat.posted) == 2


async def test_other_channels_and_direct_messages_do_not_count():
    async with hands([ON]) as h:
        feature = await engine(h)
        ids = await crowd(h, feature, channel_id=SECRET) + await crowd(h, feature, guild_id=0, channel_id=5)
        assert (h.chat.posted, [h.chat.reactions.get(id_) for id_ in ids if h.chat.reactions.get(id_)]) == (
            [],
            [],
        )


async def test_she_sleeps():
    async with hands([ON]) as h:
        feature = await engine(h, mood="asleep")
        ids = await crowd(h, feature, 50)
        for _ in range(100):
            h.clock.advance_ms(REACT_EVERY_S * 1000)
            await feature.look()
        assert h.chat.posted == []
        assert not any(h.chat.reactions[id_] for id_ in ids)
        assert h.model.asked == []


async def test_new_messages_get_reactions_by_chance():
    async with hands([ON]) as h:
        (id_,) = await crowd(h, await engine(h, draw=0.4), 1)
        assert len(h.chat.reactions[id_]) == 1
    async with hands([ON]) as h:
        (id_,) = await crowd(h, await engine(h, draw=0.6), 1)
        assert h.chat.reactions[id_] == []


async def test_older_messages_get_one_each_twenty_minutes():
    async with hands([ON]) as h:
        feature = await engine(h, draw=0.6)
        h.clock.step_wall_ms(1_700_000_000_000 - h.now_ms())
        ids = await crowd(h, feature, 3)
        feature._draw = lambda: 0.0
        for n in (1, 2, 3, 3):
            h.clock.advance_ms(REACT_EVERY_S * 1000)
            await feature.look()
            assert sum(bool(h.chat.reactions[id_]) for id_ in ids) == n


async def test_a_session_holds_everything_and_no_burst_follows():
    async with hands([ON]) as h:
        feature = await engine(h)
        h.gate.close()
        task = asyncio.create_task(feature.run())
        ids = await crowd(h, feature, 60)
        await asyncio.sleep(0)
        assert h.gate.began == []
        h.clock.advance_ms(3_600_000)
        h.gate.open()
        await asyncio.sleep(0.01)
        ids += await crowd(h, feature, 30)
        assert h.chat.posted == [], "the distance begins at the end of the pause"
        assert not any(h.chat.reactions[id_] for id_ in ids[:60])
        h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
        await crowd(h, feature)
        assert len(h.chat.posted) == 1
        task.cancel()


async def test_a_pause_in_which_nobody_writes_begins_anew_too():
    async with hands([ON]) as h:
        feature = await engine(h)
        for i in range(20):
            feature.heard(h.chat.says(f"words {i}"))
        h.gate.close()
        task = asyncio.create_task(feature.run())
        await asyncio.sleep(0)
        h.gate.open()
        await asyncio.sleep(0.01)
        assert h.chat.posted == []
        task.cancel()


async def test_a_model_that_is_down_costs_one_line_and_no_hammering():
    async with hands([ON]) as h:
        h.model.code = "llm_unreachable"
        feature = await engine(h, draw=0.51)
        for _ in range(3):
            await crowd(h, feature)
            h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
        assert len(h.model.asked) == 3
        assert feature.code == "llm_unreachable"
        assert len(h.lines("warning", "feature degraded")) == 1
        h.model.code = ""
        await crowd(h, feature)
        assert feature.code == ""
        assert h.chat.texts() == ["La la la!"]


async def test_a_model_that_says_nothing_says_nothing():
    async with hands([ON]) as h:
        h.model.answer = " \n"
        await crowd(h, await engine(h))
        assert h.chat.posted == []


async def test_the_channel_is_chosen_and_survives_a_restart():
    disk = DictDocuments()
    async with hands([ON], disk=disk) as h:
        feature = make(h.kit)
        assert "spoken to" in await feature.command(call("autonomous"))
        assert f"<#{GENERAL}>" in await feature.command(call("autonomous", "on"))
        assert "server only" in await feature.command(call("autonomous", "on", guild_id=0))
        await h.shelf.written()
    async with hands([ON], disk=disk) as h:
        assert f"<#{GENERAL}>" in await make(h.kit).command(call("autonomous"))
        assert "spoken to" in await make(h.kit).command(call("autonomous", "off"))


async def test_switched_off_she_does_nothing():
    async with hands([AutonomousSettings()]) as h:
        feature = Autonomous(h.kit, lambda: 0.0)
        assert "autonomous.enabled" in await feature.command(call("autonomous", "on"))
        await feature.run()
        await crowd(h, feature)
        assert (h.chat.posted, h.gate.began) == ([], [])


async def test_it_works_by_itself():
    async with hands([ON]) as h:
        feature = await engine(h)
        task = asyncio.create_task(feature.run())
        message = h.chat.says("hello")
        feature.heard(message)
        await until(lambda: h.chat.reactions[message.id])
        task.cancel()
        assert len(h.chat.reactions[message.id]) == 1


async def test_what_is_in_the_words_of_people_stays_out_of_the_log():
    async with hands([ON]) as h:
        await crowd(h, await engine(h))
        assert "words" not in repr(h.log.lines)


async def test_in_quiet_hours_she_neither_speaks_nor_likes_and_forgets_what_was_before():
    async with hands([ON]) as h:
        feature = await engine(h)
        h.shelf.put("guild", str(HOME), {"quiet_hours": {"value": [14 * 60, 16 * 60]}})  # it is 14:23
        ids = await crowd(h, feature)
        assert (h.chat.posted, h.model.asked) == ([], [])
        assert not any(h.chat.reactions[id_] for id_ in ids)
        h.shelf.put("guild", str(HOME), None)
        await feature.look()
        h.clock.advance_ms((MIN_GAP_S + 1) * 1000)
        await crowd(h, feature)
        assert h.chat.texts() == ["La la la!"]
