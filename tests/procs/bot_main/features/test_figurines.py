import asyncio
from contextlib import suppress

import pytest

from procs.bot_main.backends.base_feed import Feed
from procs.bot_main.backends.feed_http import FeedHttp
from procs.bot_main.feature_settings import FigurineSettings
from procs.bot_main.features.figurines import make
from tests.doubles.feed import FeedDouble, fail
from tests.procs.bot_main.features.hands import DictDocuments, call, hands
from tests.procs.bot_main.hand_chat import ANNA, BERT, HandChat
from tests.waiting import until

pytestmark = pytest.mark.flow

POLL_MS = 1_800_000


@pytest.fixture
async def shop():
    async with FeedDouble() as double:
        double.add("Snow Miku")
        yield double


def desk(shop, **options):
    return hands([FigurineSettings(feed_url=shop.url)], {Feed: FeedHttp(shop.url)}, **options)


async def again(h, feature):
    h.clock.advance_ms(POLL_MS)
    await feature.look()


async def test_the_first_poll_remembers_and_later_ones_tell_what_is_new(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        await feature.command(call("figurines", "on", ANNA))
        await feature.look()
        assert h.chat.posted == []
        shop.add("Racing Miku", "https://shop.example/racing")
        await again(h, feature)
        (dm,) = h.chat.dms(ANNA)
        assert "Racing Miku" in dm
        assert "<https://shop.example/racing>" in dm
        assert "Snow" not in dm
        assert h.chat.dms(BERT) == []
        await again(h, feature)
        assert len(h.chat.dms(ANNA)) == 1
        assert shop.n_unchanged == 1, "and an unchanged feed is not sent again"


async def test_many_new_things_are_one_message(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        await feature.command(call("figurines", "on"))
        await feature.look()
        for n in range(30):
            shop.add(f"Figure {n}")
        await again(h, feature)
        (dm,) = h.chat.dms(ANNA)
        assert "30 new things" in dm


async def test_whoever_unsubscribes_hears_nothing_more(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        for who in (ANNA, BERT):
            await feature.command(call("figurines", "on", who))
        await feature.look()
        await feature.command(call("figurines", "off", BERT))
        shop.add("Luka")
        await again(h, feature)
        assert (len(h.chat.dms(ANNA)), h.chat.dms(BERT)) == (1, [])
        assert "off for you" in await feature.command(call("figurines", "", BERT))


async def test_polls_come_at_their_interval(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        for _ in range(100):
            await feature.look()
            h.clock.advance_ms(POLL_MS / 50)
        assert shop.n_requests == 2


async def test_a_session_holds_it_and_one_poll_follows(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        await feature.command(call("figurines", "on"))
        await feature.look()
        h.gate.close()
        for n in range(5):
            shop.add(f"Figure {n}")
            await again(h, feature)
        assert (shop.n_requests, h.chat.dms(ANNA)) == (1, [])
        h.gate.open()
        await feature.look()
        await feature.look()
        assert shop.n_requests == 2
        assert ["5 new things" in dm for dm in h.chat.dms(ANNA)] == [True]


async def test_a_session_that_starts_in_the_middle_lets_the_rest_wait(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        for who in (ANNA, BERT):
            await feature.command(call("figurines", "on", who))
        await feature.look()
        shop.add("Luka")
        send_dm = h.chat.send_dm

        async def closing(user_id, post):
            h.gate.close()
            return await send_dm(user_id, post)

        h.chat.send_dm = closing
        await again(h, feature)
        assert (len(h.chat.dms(ANNA)), h.chat.dms(BERT)) == (1, [])
        h.chat.send_dm = send_dm
        h.gate.open()
        await feature.look()
        assert (len(h.chat.dms(ANNA)), len(h.chat.dms(BERT))) == (1, 1)


async def test_closed_direct_messages_are_skipped_and_noted_and_others_are_told(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        for who in (ANNA, BERT):
            await feature.command(call("figurines", "on", who))
        await feature.look()
        shop.add("Luka")
        h.chat.fails("send_dm", "discord_forbidden", times=1)
        await again(h, feature)
        assert (h.chat.dms(ANNA), len(h.chat.dms(BERT))) == ([], 1)
        assert h.shelf.get("figurine_fan", str(ANNA.id)) == {"n_closed": 1}
        assert feature.code == ""


async def test_discord_away_in_the_middle_is_made_good_for_who_is_left(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        for who in (ANNA, BERT):
            await feature.command(call("figurines", "on", who))
        await feature.look()
        shop.add("Luka")
        h.chat.fails("send_dm", "discord_unreachable", times=3)
        await again(h, feature)
        assert feature.code == "discord_unreachable"
        for _ in range(5):
            h.clock.advance_ms(60_000)
            await feature.look()
        assert (len(h.chat.dms(ANNA)), len(h.chat.dms(BERT))) == (1, 1)
        assert feature.code == ""
        assert len(h.lines("warning", "feature degraded")) == 1


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after_sends", range(4))
@pytest.mark.parametrize("was_sent", [False, True])
async def test_a_crash_at_any_message_tells_everybody_exactly_once(shop, after_sends, was_sent):
    disk, chat = DictDocuments(), HandChat()
    fans = [ANNA, BERT, *list(chat.people.values())[2:3]]
    async with desk(shop, disk=disk, chat=chat) as h:
        feature = make(h.kit)
        for who in fans:
            await feature.command(call("figurines", "on", who))
        await feature.look()
        shop.add("Luka")
        clock, sends, send_dm = h.clock, [], chat.send_dm

        async def dying(user_id, post):
            if len(sends) == after_sends:
                if was_sent:
                    await send_dm(user_id, post)
                raise Crash
            sends.append(user_id)
            return await send_dm(user_id, post)

        chat.send_dm = dying
        with suppress(Crash):
            await again(h, feature)
        chat.send_dm = send_dm
    async with desk(shop, disk=disk, chat=chat, clock=clock) as h:
        feature = make(h.kit)
        await feature.look()
        await again(h, feature)
    assert [len(chat.dms(who)) for who in fans] == [1, 1, 1]


async def test_a_shop_that_is_down_costs_one_line(shop):
    async with desk(shop) as h:
        feature = make(h.kit)
        await feature.look()
        shop.play(*[fail(500)] * 3)
        for _ in range(3):
            await again(h, feature)
        assert feature.code == "feed_unreachable"
        assert len(h.lines("warning", "feature degraded")) == 1
        await again(h, feature)
        assert feature.code == ""


async def test_a_disk_that_takes_nothing_lets_nobody_be_told_twice(shop, monkeypatch):
    monkeypatch.setattr("procs.bot_main.shelf.PATIENCE_S", 0.02)
    async with desk(shop) as h:
        feature = make(h.kit)
        await feature.command(call("figurines", "on"))
        await feature.look()
        shop.add("Luka")
        h.disk.is_full = True
        await again(h, feature)
        assert (feature.code, h.chat.dms(ANNA)) == ("store_failed", [])
        h.disk.is_full = False
        await h.shelf.written()
        h.clock.advance_ms(60_000)
        await feature.look()
        assert len(h.chat.dms(ANNA)) == 1


async def test_it_works_by_itself(shop):
    async with desk(shop) as h:
        task = asyncio.create_task(make(h.kit).run())
        await until(lambda: shop.n_requests)
        task.cancel()
        assert h.chat.posted == [], "nobody has asked for news"


async def test_without_a_shop_it_rests():
    async with hands([FigurineSettings()]) as h:
        feature = make(h.kit)
        await feature.run()
        assert "figurines.feed_url" in await feature.command(call("figurines", "on"))
