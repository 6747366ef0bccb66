"""The main gateway: what a session is told, and how it survives."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
import zstandard

from tests.discord.client import make_client, online
from tests.discord.director import Director
from tests.discord.gateway.intents import ALL, MESSAGE_CONTENT, PRIVILEGED
from tests.discord.loopback import Loopback
from tests.waiting import until

pytestmark = pytest.mark.flow


class Raw:
    """A bare connection to the gateway, without compression."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_json({"op": op, "d": data})

    async def identify(self, token: str, intents: int = ALL & ~PRIVILEGED) -> None:
        await self.send(2, {"token": token, "intents": intents, "properties": {}})

    async def next(self, event: str = "", op: int = 0) -> Any:
        """The data of the next message of a kind."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), 5)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            data = json.loads(message.data)
            if data["op"] == op and (data["t"] or "") == event:
                return data["d"]

    async def closed_with(self) -> int | None:
        while not self.socket.closed:
            await asyncio.wait_for(self.socket.receive(), 5)
        return self.socket.close_code


@asynccontextmanager
async def raw(loopback: Loopback, query: str = "v=10&encoding=json") -> AsyncIterator[Raw]:
    connector = aiohttp.TCPConnector(ssl=loopback.authority.client_context())
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"{loopback.gateway_url}?{query}") as socket,
    ):
        yield Raw(socket)


async def test_content_of_others_is_hidden_without_the_intent(loopback: Loopback, director: Director) -> None:
    intents = discord.Intents.default()
    heard: asyncio.Queue[discord.Message] = asyncio.Queue()
    client = make_client(loopback, intents)
    client.on_message = heard.put  # type: ignore[attr-defined]
    ann, miku = director.person("Ann"), director.bot("Miku")
    async with online(client, miku.token):
        ann.says("general", "secret")
        ann.says("general", f"{miku.mention} open")
        ann.writes_to("Miku", "direct")
        seen = [(await heard.get()).content for _ in range(3)]
    assert seen == ["", f"{miku.mention} open", "direct"]


async def test_an_intent_that_is_not_granted_closes_with_4014(loopback: Loopback, director: Director) -> None:
    bot = director.bot("Plain", privileged=0)
    async with raw(loopback) as gateway:
        await gateway.identify(bot.token, MESSAGE_CONTENT)
        assert await gateway.closed_with() == 4014
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with online(make_client(loopback), bot.token):
            pass


async def test_voice_states_need_their_intent(loopback: Loopback, director: Director) -> None:
    async with raw(loopback) as gateway:
        await gateway.identify(director.bot("Miku").token, ALL & ~PRIVILEGED & ~(1 << 7))
        await gateway.next("GUILD_CREATE")
        director.person("Ann").joins("Lounge")
        director.person("Ann").says("general", "after")
        message = json.loads((await gateway.socket.receive()).data)
        assert message["t"] == "MESSAGE_CREATE"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([(4, {"guild_id": "1", "channel_id": None})], 4003),
        ([(99, None)], 4001),
        ([(2, {"token": "wrong", "intents": 0})], 4004),
        ([(2, {"token": "MIKU", "intents": 1 << 40})], 4013),
        ([(2, {"token": "MIKU", "intents": 0}), (2, {"token": "MIKU", "intents": 0})], 4005),
        ([(2, {})], 4002),
        ([(1, None)] * 121, 4008),
    ],
)
async def test_rules_of_the_gateway(
    loopback: Loopback, director: Director, said: list[tuple[int, Any]], code: int
) -> None:
    token = director.bot("Miku").token
    async with raw(loopback) as gateway:
        for op, data in said:
            has_token = isinstance(data, dict) and data.get("token") == "MIKU"
            await gateway.send(op, data | {"token": token} if has_token else data)
        assert await gateway.closed_with() == code


async def test_no_heartbeat_closes_with_4009(loopback: Loopback, director: Director) -> None:
    loopback.rules.heartbeat_interval_s = 0.1
    async with raw(loopback) as gateway:
        assert await gateway.closed_with() == 4009


async def test_two_identifies_within_five_seconds_are_one_too_many(
    loopback: Loopback, director: Director
) -> None:
    loopback.rules.identify_interval_s = 5.0
    for answer in (0, 9):
        async with raw(loopback) as gateway:
            await gateway.identify(director.bot("Miku").token)
            await gateway.next("READY" if answer == 0 else "", op=answer)
    assert loopback.journal.identifies == 2


async def test_the_budget_of_identifies_ends_with_the_token(loopback: Loopback, director: Director) -> None:
    loopback.rules.identify_budget = 1
    token = director.bot("Miku").token
    async with raw(loopback) as gateway:
        await gateway.identify(token)
        await gateway.next("READY")
    async with raw(loopback) as gateway:
        await gateway.identify(token)
        assert await gateway.closed_with() == 4004


@pytest.mark.parametrize("stream", ["zlib-stream", "zstd-stream"])
async def test_streams_are_compressed_as_asked(loopback: Loopback, director: Director, stream: str) -> None:
    unpack = zlib.decompressobj() if stream == "zlib-stream" else zstandard.ZstdDecompressor().decompressobj()
    async with raw(loopback, f"v=10&encoding=json&compress={stream}") as gateway:
        hello = json.loads(unpack.decompress((await gateway.socket.receive()).data))
        assert hello["op"] == 10
        await gateway.identify(director.bot("Miku").token)
        ready = json.loads(unpack.decompress((await gateway.socket.receive()).data))
        assert ready["t"] == "READY"


async def test_what_happens_during_a_cut_is_told_after_the_resume(
    client: discord.Client, director: Director
) -> None:
    heard: asyncio.Queue[discord.Message] = asyncio.Queue()
    client.on_message = heard.put  # type: ignore[attr-defined]
    resumed = asyncio.create_task(client.wait_for("resumed", timeout=10))
    await asyncio.sleep(0)
    director.bot("Miku").gateway_is_cut()
    director.person("Ann").says("general", "meanwhile")
    assert (await heard.get()).content == "meanwhile"
    await resumed
    assert (director.journal.identifies, director.journal.resumes) == (1, 1)


async def test_a_session_declared_invalid_is_followed_by_a_new_one(
    loopback: Loopback, director: Director
) -> None:
    class Hurried(discord.Client):
        async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
            pass

    client = make_client(loopback, client_class=Hurried)
    async with online(client, director.bot("Miku").token):
        ready = asyncio.create_task(client.wait_for("ready", timeout=10))
        await asyncio.sleep(0)
        director.bot("Miku").loses_session()
        await ready
    assert director.journal.identifies == 2


async def test_told_to_reconnect_it_resumes(client: discord.Client, director: Director) -> None:
    resumed = asyncio.create_task(client.wait_for("resumed", timeout=10))
    await asyncio.sleep(0)
    director.bot("Miku").is_told_to_reconnect()
    await resumed
    assert (director.journal.identifies, director.journal.resumes) == (1, 1)


async def test_a_session_outlives_a_cut_but_not_a_goodbye(loopback: Loopback, director: Director) -> None:
    async with raw(loopback) as gateway:
        await gateway.identify(director.bot("Miku").token)
        session = (await gateway.next("READY"))["session_id"]
        await gateway.socket.close(code=4000)
    await until(lambda: not director.bot("Miku").is_online)
    async with raw(loopback) as gateway:
        await gateway.send(6, {"token": director.bot("Miku").token, "session_id": session, "seq": 1})
        await gateway.next("RESUMED")
        await gateway.socket.close(code=1000)
    await until(lambda: not loopback.sessions.alive)
    async with raw(loopback) as gateway:
        await gateway.send(6, {"token": director.bot("Miku").token, "session_id": session, "seq": 1})
        assert await gateway.next(op=9) is False, "there is nothing left to resume"


async def test_a_sequence_from_the_future_closes_with_4007(loopback: Loopback, director: Director) -> None:
    async with raw(loopback) as gateway:
        await gateway.identify(director.bot("Miku").token)
        session = (await gateway.next("READY"))["session_id"]
        await gateway.socket.close(code=4000)
    async with raw(loopback) as gateway:
        await gateway.send(6, {"token": director.bot("Miku").token, "session_id": session, "seq": 999})
        assert await gateway.closed_with() == 4007


async def test_changes_of_the_guild_reach_the_client(client: discord.Client, director: Director) -> None:
    guild = client.guilds[0]
    channel = guild.get_channel(director.places["Lounge"].id)
    assert isinstance(channel, discord.VoiceChannel)
    director.places["Lounge"].limit(3)
    await until(lambda: channel.user_limit == 3)
    director.person("Bob")
    await until(lambda: guild.member_count == 4)
    director.outage()
    await until(lambda: guild.unavailable)
    director.recovery()
    await until(lambda: not client.guilds[0].unavailable)
    director.places["Lounge"].delete()
    await until(lambda: guild.get_channel(channel.id) is None)
