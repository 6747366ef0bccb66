"""`/watch`, `/metrics` and `/healthz` behind the gateway's door, over real sockets."""

import asyncio
import json

import pytest
from aiohttp import ClientTimeout

from bus.messages import NodeState
from procs.web_gateway.backends import watch_routes
from tests.procs.web_gateway.play import Play, door
from tests.waiting import until

pytestmark = pytest.mark.flow


async def events(answer, n_events: int) -> list[tuple[str, dict]]:
    """The next events of a stream."""
    found = []
    kind = ""
    while len(found) < n_events:
        line = (await asyncio.wait_for(answer.content.readline(), 10)).decode().strip()
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((kind, json.loads(line.removeprefix("data: "))))
    return found


async def test_only_the_operator_sees_the_view_and_the_metrics_and_anybody_the_health():
    play = Play()
    async with door(play) as (client, cookies):
        for path in ("/watch", "/metrics"):
            assert (await client.get(path)).status == 401
            assert (await client.get(path, headers={"Authorization": "Bearer key"})).status == 403
        assert (await client.get("/metrics", cookies=cookies)).status == 200
        assert (await client.get("/healthz")).status == 503
        await play.all_healthy()
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/healthz", headers={"Host": "evil.example"})).status == 421
        figures = play.observer.figures.values("miku_browser_refused_total")
        assert figures == {
            ("401",): 2,
            ("403",): 2,
            ("421",): 1,
        }


async def test_a_snapshot_comes_first_then_only_what_changes_at_a_bounded_rate():
    play = Play()
    await play.all_healthy()
    async with door(play) as (client, cookies):
        answer = await client.get("/watch", cookies=cookies)
        ((kind, snapshot),) = await events(answer, 1)
        assert kind == "snapshot"
        assert set(snapshot) == {"processes", "sessions", "house", "turns", "rates", "settings"}
        loop = asyncio.get_running_loop()
        began_s, told = loop.time(), 0
        while loop.time() - began_s < 1.0:
            told += 1
            await play.house(is_open=False, queued=told)
            await asyncio.sleep(0.001)
        seen = []
        while not seen or seen[-1]["house"]["queued"] != told:
            ((kind, change),) = await events(answer, 1)
            assert kind == "change"
            assert "settings" not in change
            seen.append(change)
        assert told > 100
        assert len(seen) <= 8, "five a second, and the newest always comes"
        answer.close()
        connections = play.observer.figures
        await until(lambda: connections.values("miku_browser_connections")[("/watch",)] == 0)


async def test_a_reader_that_takes_nothing_is_dropped_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(watch_routes, "SLOW_S", 0.2)
    monkeypatch.setattr(watch_routes, "PERIOD_S", 0.001)
    play = Play()
    await play.all_healthy()
    async with door(play) as (client, cookies):
        slow = await client.get("/watch", cookies=cookies, timeout=ClientTimeout(total=None))
        good = await client.get("/watch", cookies=cookies)
        slow.connection.transport.pause_reading()
        dropped = play.observer.figures
        n_told = 0
        while not dropped.values("miku_watch_dropped_total")[()]:
            n_told += 1
            await play.health("bot_main", NodeState.DEGRADED, f"{n_told}{'x' * 100_000}")
            while n_told not in [row_number(change) for _, change in await events(good, 1)]:
                pass
        await play.health("bot_main", NodeState.DEGRADED, "0")
        assert row_number((await events(good, 1))[0][1]) == 0


def row_number(change: dict) -> int:
    """The number that the test has put into the code of the first process."""
    digits = change["processes"][0]["code"].partition("x")[0] if "processes" in change else ""
    return int(digits) if digits else -1


async def test_a_ninth_reader_is_refused_in_words():
    play = Play()
    async with door(play) as (client, cookies):
        open_ones = [await client.get("/watch", cookies=cookies) for _ in range(watch_routes.READERS)]
        answer = await client.get("/watch", cookies=cookies)
        assert (answer.status, "close one" in await answer.text()) == (503, True)
        for one in open_ones:
            one.close()
