"""Connections that break, and sessions that go on."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bus.messages import RequestKind, TurnKind
from procs.web_gateway.backends.browsers import Browsers
from procs.web_gateway.backends.call import EVENTS_KEPT
from procs.web_gateway.backends.history import History
from procs.web_gateway.core.events import Event
from tests.procs.sink.sound import last_sample
from tests.procs.web_gateway.house import Client, House, running
from tests.waiting import until

pytestmark = pytest.mark.flow


@asynccontextmanager
async def back(house, browser, ack, **hello):
    """Come back to a session by the way that is documented."""
    async with browser.post(f"/sessions/{ack['sessionId']}/reconnect") as response:
        assert response.status == 200, await response.text()
        ticket = await response.json()
    assert ticket["session_id"] == ticket["sessionId"] == ack["sessionId"]
    async with browser.ws_connect(ticket["websocket_url"]) as ws:
        client = Client(ws, browser)
        assert (await client.hello(**hello))["data"]["resumed"]
        yield client


def drop(client):
    """The network is gone: no closing handshake."""
    client.ws._response.connection.transport.abort()


async def test_what_was_missed_comes_again_in_order_and_the_sound_goes_on(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            session = await first.start(output={"sample_rate_hz": 48_000})
            ack = first.all("hello.ack")[0]
            turn = await first.ask()
            await house.sound(session, turn, 30)
            await until(lambda: len(first.sound) >= 5)
            drop(first)
            await until(lambda: first.ws.closed)
        received_ms = 20 * len(first.sound)
        await house.reply(session, turn, "Still here.", [(0, 0, 5)], ms=600)
        last_seq = max(event["seq"] for event in first.said)
        at = {"turn_id": turn, "position_ms": received_ms}
        async with back(house, browser, ack, last_seq=last_seq, received=at) as second:
            await second.get("output.audio.end")
            await house.turn_over(session, turn)
            await second.get("turn.ended")
    heard = [last_sample(pcm) for pcm in (*first.sound, *second.sound)]
    assert heard == list(range(1, 31))
    assert second.all("output.audio.start")[0]["position_ms"] == received_ms
    assert second.all("assistant.response.final")[0]["text"] == "Still here."
    assert second.all("session.resumed")[0]["lost"] == 0
    sequence = [event["seq"] for event in (*first.said, *second.said) if event["seq"]]
    assert sequence == sorted(set(sequence))


async def test_who_comes_back_while_the_session_begins_is_told_when_it_has_begun(house, monkeypatch):
    may_begin, active = asyncio.Event(), Browsers._active

    async def slowly(browsers, call):
        await may_begin.wait()
        return await active(browsers, call)

    monkeypatch.setattr(Browsers, "_active", slowly)
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            ack = await first.hello()
            await first.send("session.start")
            await until(lambda: house.sessions)
            drop(first)
            await until(lambda: first.ws.closed)
        async with back(house, browser, ack) as second:
            await second.get("session.resumed")
            assert second.all("session.started") == []
            may_begin.set()
            await second.get("config.resolved")
            assert second.all("session.started")[0]["sessionId"] == ack["sessionId"]
            await second.ask()


async def test_who_comes_back_to_a_session_that_is_refused_is_closed_and_may_begin_anew(house, monkeypatch):
    may = asyncio.Event()

    async def refused(browsers, call):
        await may.wait()
        return "sink_failed"

    async with house.client() as other:
        await other.start()
        monkeypatch.setattr(Browsers, "_active", refused)
        async with house.browser() as browser:
            async with browser.ws_connect("/ws") as ws:
                first = Client(ws, browser)
                ack = await first.hello()
                await first.send("session.start")
                await until(lambda: len(house.sessions) == 2)
                drop(first)
                await until(lambda: first.ws.closed)
            async with back(house, browser, ack) as second:
                await second.get("session.resumed")
                may.set()
                assert (await second.get("error"))["code"] == "sink_failed"
                assert await second.closed() == 1000
        (call,) = house.node._browsers.calls
        assert call.session, "the other one's goes on"


async def test_a_long_session_is_told_again_in_one_piece(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            await first.start()
            ack = first.all("hello.ack")[0]
            (call,) = house.node._browsers.calls
            for n in range(EVENTS_KEPT + 100):
                call.say(Event("assistant.response.delta", {"turn_id": 1, "text": "x", "first_char": n}))
                if n % 100 == 0:
                    await until(lambda: not call.connection.n_waiting)
            drop(first)
        async with back(house, browser, ack) as second:
            assert (await second.get("session.resumed"))["replayed"] == EVENTS_KEPT
            assert not second.ws.closed


async def test_who_comes_back_without_memory_hears_again_only_what_was_not_played(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            session = await first.start(output={"sample_rate_hz": 48_000})
            ack = first.all("hello.ack")[0]
            turn = await first.ask()
            await house.sound(session, turn, 20)
            await first.get("output.audio.end")
            await first.send("output.audio.played", turn_id=turn, position_ms=300)
            await first.send("ping", ts=1)
            await first.get("pong")
            drop(first)
        async with back(house, browser, ack) as second:
            await until(lambda: len(second.sound) == 5)
            await second.send("output.audio.played", turn_id=turn, position_ms=400)
            await second.send("ping", ts=2)
            await second.get("pong")
            drop(second)
        async with back(house, browser, ack) as third:
            later = await third.ask("And now?", 1)
            await house.sound(session, later, 2, value=9)
            await until(lambda: len(third.sound) == 2)
    assert [last_sample(pcm) for pcm in second.sound] == [16, 17, 18, 19, 20]
    assert [last_sample(pcm) for pcm in third.sound] == [9, 9]


async def test_the_sound_stands_still_while_nobody_listens(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            session = await first.start()
            ack = first.all("hello.ack")[0]
            turn = await first.ask()
            await house.sound(session, turn, 100)
            await until(lambda: first.sound)
            drop(first)
        await until(lambda: house.playout(session).buffered_ms)
        await asyncio.sleep(0.1)
        at_ms = house.playout(session).played_ms
        await asyncio.sleep(0.2)
        assert house.playout(session).played_ms == at_ms < 1_000
        await house.floor(session, turn + 1)
        await house.turn_over(session, turn, TurnKind.CUT)
        async with back(house, browser, ack) as second:
            assert (await second.get("response.interrupted"))["turn_id"] == turn
            later = await second.ask("And now?")
            await house.sound(session, later, 3)
            await until(lambda: house.playout(session).finished_turn == later)


async def test_a_session_is_kept_for_a_minute_and_not_longer(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            await first.start()
            ack = first.all("hello.ack")[0]
            drop(first)
        await house.wait_s(58)
        async with back(house, browser, ack) as second:
            await second.get("session.resumed")
            drop(second)
        await house.wait_s(61)
        await until(lambda: house.asked(RequestKind.LEAVE))
        async with browser.post(f"/sessions/{ack['sessionId']}/reconnect") as response:
            assert response.status == 404


async def test_a_connection_that_only_seems_to_stand_is_replaced(house):
    async with house.browser() as browser, browser.ws_connect("/ws") as ws:
        first = Client(ws, browser)
        await first.start()
        async with back(house, browser, first.all("hello.ack")[0]) as second:
            await second.get("session.resumed")
            assert await first.closed() == 4409
            assert await second.ask()


async def test_nobody_else_takes_a_session_over_and_no_ticket_is_good_twice(house):
    async with house.browser() as browser, browser.ws_connect("/ws") as ws:
        first = Client(ws, browser)
        await first.start()
        path = f"/sessions/{first.all('hello.ack')[0]['sessionId']}"
        async with house.browser() as other:
            async with other.post(f"{path}/reconnect") as response:
                assert response.status == 403
            async with other.delete(path) as response:
                assert response.status == 403
        async with browser.post(f"{path}/reconnect") as response:
            url = (await response.json())["websocket_url"]
        async with house.browser(signed_in=False) as stranger:
            async with stranger.get(url) as response:
                assert response.status == 400  # no WebSocket; the ticket is used all the same
            async with stranger.get(url) as response:
                assert response.status == 410
        async with browser.delete(path) as response:
            assert response.status == 204
        assert await first.closed() == 1000


async def test_a_ticket_that_is_no_longer_good_begins_no_new_session(house):
    async with house.browser() as browser, browser.ws_connect("/ws") as ws:
        first = Client(ws, browser)
        await first.start()
        path = f"/sessions/{first.all('hello.ack')[0]['sessionId']}/reconnect"
        async with browser.post(path) as response:
            late = (await response.json())["websocket_url"]
        house.clock.advance_ms(30_000)
        for stale in (late, "/ws?resume=none", "/ws?resume="):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await browser.ws_connect(stale)
            assert refusal.value.status == 410
        async with browser.get(late) as response:
            assert "reconnect" in await response.text()
        assert await first.ask(), "the session itself goes on"
    assert len(house.asked(RequestKind.JOIN)) == 1


async def test_a_session_outlives_the_gateway(tmp_path):
    async with running(House(tmp_path)) as house, house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            session = await first.start(output={"sample_rate_hz": 48_000})
            ack = first.all("hello.ack")[0]
            await until(lambda: (tmp_path / "calls.db").stat().st_size > 4_096)
            drop(first)
        cookies = {c.key: c.value for c in browser.cookie_jar}
        sessions = house.sessions
    reborn = House(tmp_path)
    reborn.sessions = sessions
    async with running(reborn), reborn.browser(signed_in=False) as browser:
        name = f"miku_{reborn.port}"
        browser.cookie_jar.update_cookies({name: next(iter(cookies.values()))})
        await reborn.wait_s(50)
        async with back(reborn, browser, ack, last_seq=7) as second:
            assert (await second.get("session.resumed"))["seq"] > 7
            await until(lambda: reborn.bus.session(session))
            turn = await second.ask()
            await reborn.sound(session, turn, 2)
            await until(lambda: len(second.sound) == 2)
            assert len(second.sound[0]) == 1_920


async def test_a_turn_whose_end_nobody_heard_is_ended_for_a_client_that_comes_back(tmp_path):
    async with running(House(tmp_path)) as house, house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            first = Client(ws, browser)
            session = await first.start()
            ack = first.all("hello.ack")[0]
            turn = await first.ask()
            while turn not in await History(tmp_path / "calls.db").open_turns(ack["sessionId"]):
                await asyncio.sleep(0.01)
            drop(first)
        cookies = {c.key: c.value for c in browser.cookie_jar}
        sessions = house.sessions
    reborn = House(tmp_path)
    reborn.sessions = sessions
    async with running(reborn), reborn.browser(signed_in=False) as browser:
        browser.cookie_jar.update_cookies({f"miku_{reborn.port}": next(iter(cookies.values()))})
        await reborn.floor(session, 1)
        async with back(reborn, browser, ack, last_seq=70) as second:
            while not second.all("turn.ended"):
                reborn.clock.advance_ms(100)
                await reborn.floor(session, 1)
                await asyncio.sleep(0.02)
            (ended,) = second.all("turn.ended")
            assert (ended["turn_id"], ended["outcome"]) == (turn, "cut")
            assert ended["seq"] > 70, "the numbers go on"
