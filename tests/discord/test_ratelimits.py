"""Limits are counted as Discord counts them, and the client library obeys them."""

import asyncio
import time

import aiohttp
import discord
import pytest

from tests.discord.director import Director
from tests.discord.rest.ratelimits import Limit, RateLimits
from tests.discord.test_rest import text_channel

pytestmark = pytest.mark.flow


async def test_the_sixth_message_in_five_seconds_gets_429(director: Director) -> None:
    discord_, token = director.discord, director.bot("Miku").token
    url = f"{discord_.api_base}/channels/{director.places['general'].id}/messages"
    connector = aiohttp.TCPConnector(ssl=discord_.authority.client_context())
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bot {token}"}) as http:
        for left in (4, 3, 2, 1, 0):
            async with http.post(url, json={"content": "hi"}) as answer:
                assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (200, str(left))
                assert answer.headers["Content-Type"] == "application/json"
        async with http.post(url, json={"content": "hi"}) as answer:
            body = await answer.json()
            assert answer.status == 429
            assert 0 < body["retry_after"] <= 5
            assert body["global"] is False
            assert answer.headers["X-RateLimit-Scope"] == "user"
    assert director.journal.refusals[429] == 1
    assert len(director.bot("Miku").sent) == 5


async def test_the_library_waits_as_long_as_it_is_told(client: discord.Client, director: Director) -> None:
    director.faults.arm("rest", at="POST */messages", status=429, retry_after=0.3)
    asked = time.monotonic()
    await text_channel(client, director).send("hello")
    assert time.monotonic() - asked >= 0.3
    assert director.bot("Miku").texts == ["hello"]


async def test_a_global_429_holds_all_routes(client: discord.Client, director: Director) -> None:
    channel = text_channel(client, director)
    message = await channel.send("hello")
    director.faults.arm("rest", at="POST */typing", status=429, retry_after=0.3, is_global=True)

    async def late() -> float:
        await asyncio.sleep(0.05)
        await message.add_reaction("👍")
        return time.monotonic()

    asked = time.monotonic()
    _, reacted_at = await asyncio.gather(channel._state.http.send_typing(channel.id), late())
    assert reacted_at - asked >= 0.3


async def test_server_errors_are_repeated_and_the_message_comes_once(
    client: discord.Client, director: Director
) -> None:
    director.faults.arm("rest", at="POST */messages", status=502)
    await text_channel(client, director).send("hello")
    assert director.bot("Miku").texts == ["hello"]
    assert [call.status for call in director.journal.calls if call.method == "POST"] == [502, 200]


async def test_a_request_may_stay_without_answer(client: discord.Client, director: Director) -> None:
    director.faults.arm("rest", at="POST */messages", do="hang")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(text_channel(client, director).send("hello"), 0.2)
    assert director.bot("Miku").texts == []


def test_buckets_are_per_route_and_channel_and_fill_up_again() -> None:
    limits = RateLimits(requests_per_second=50)
    limit = Limit(1, 60.0)
    assert limits.take("bot", "POST /a", "1", limit)[1] is None
    headers, exceeded = limits.take("bot", "POST /a", "1", limit)
    assert exceeded is not None
    assert headers["X-RateLimit-Remaining"] == "0"
    assert limits.take("bot", "POST /a", "2", limit)[1] is None
    assert limits.take("bot", "POST /b", "1", limit)[1] is None
    assert limits.take("bot", "POST /c", "1", Limit(1, 0.0))[1] is None
    assert limits.take("bot", "POST /c", "1", Limit(1, 0.0))[1] is None


def test_fifty_requests_a_second_over_all_routes() -> None:
    limits = RateLimits(requests_per_second=50)
    assert [limits.take_global("bot") for _ in range(50)] == [None] * 50
    exceeded = limits.take_global("bot")
    assert exceeded is not None
    assert exceeded.is_global
