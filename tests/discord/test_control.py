"""A Discord in a process of its own, directed over HTTP, with the client library in this one."""

import asyncio
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord.client import online
from tests.discord.remote import Remote
from tests.discord.tone import pitch_hz, play, tone
from tests.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def told(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the process said when it was ready."""
    command = [sys.executable, "-m", "tests.discord", "--ca-file", str(tmp_path / "ca.pem")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
def remote(told: dict[str, str]) -> Remote:
    return Remote(told["control"])


@pytest.fixture
async def client(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[discord.Client]:
    """Logged in to the other process."""
    monkeypatch.setattr(Route, "BASE", told["api_base"])
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(told["gateway"]))
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=told["ca_file"]))
    made = discord.Client(intents=discord.Intents.all(), connector=connector, guild_ready_timeout=0.05)
    async with online(made, told["token"]):
        yield made


async def test_people_talk_and_the_bot_answers(client: discord.Client, remote: Remote) -> None:
    heard = asyncio.create_task(client.wait_for("message", timeout=10))
    await asyncio.sleep(0)
    said = remote.person("Ann").says(place="general", text="hello")
    message = await heard
    await message.reply("hi", allowed_mentions=discord.AllowedMentions.none())
    (_, answer) = remote.place("general").messages()
    assert (answer["content"], answer["reply_to"], answer["author"]) == ("hi", said["id"], "Miku")
    assert remote.bot().texts() == ["hi"]
    assert remote.journal.identifies() == 1


async def test_a_tone_is_heard_over_there(client: discord.Client, remote: Remote) -> None:
    remote.person("Ann").joins(place="Lounge")
    (channel,) = client.guilds[0].voice_channels
    voice: discord.VoiceClient = await channel.connect(timeout=8, reconnect=False)
    await until(lambda: voice._connection.can_encrypt)
    assert sorted(remote.place("Lounge").voices()) == ["Ann", "Miku"]
    await play(voice, tone(440, 0.4))
    await until(lambda: any(one["is_over"] for one in remote.place("Lounge").heard()["utterances"]))
    heard = remote.place("Lounge").heard()
    assert pitch_hz(heard["utterances"][0]["samples"]) == pytest.approx(440, abs=3)
    assert (heard["frames"], heard["violations"]) == (20, [])


async def test_faults_are_armed_and_rules_changed(client: discord.Client, remote: Remote) -> None:
    remote.change("rules", rate_limits=False)
    (channel,) = client.guilds[0].text_channels
    remote.faults.arm(point="rest", at="POST */messages", status=403)
    with pytest.raises(discord.Forbidden):
        await channel.send("hello")
    for _ in range(8):
        await channel.send("hello")
    assert len(remote.bot().sent()) == 8


def test_what_cannot_be_done_is_told(remote: Remote) -> None:
    with pytest.raises(AssertionError, match="KeyError"):
        remote.person("Nobody").says(place="general", text="hi")
    with pytest.raises(AssertionError, match="no '_director'"):
        remote.person("Ann")._director()


async def test_a_role_is_given_by_the_id_that_its_making_told(client: discord.Client, remote: Remote) -> None:
    role = remote.director.role(name="Staff", permissions=["MANAGE_GUILD"])
    remote.person("Ann").gets(role=role)
    said = asyncio.create_task(client.wait_for("message", timeout=10))
    await asyncio.sleep(0)
    remote.person("Ann").says(place="general", text="hello")
    member = (await said).author
    assert isinstance(member, discord.Member)
    assert member.guild_permissions.manage_guild


def test_answers_are_lines_that_a_person_can_read(told: dict[str, str], remote: Remote) -> None:
    remote.person("Ann").says(place="general", text="🎤 ミク, and half a \ud83c")
    assert remote.place("general").texts()[-1] == "🎤 ミク, and half a \ud83c"
    asked = json.dumps({"on": "place", "name": "general", "do": "texts"}).encode()
    with urllib.request.urlopen(told["control"], asked) as answer:
        line = answer.read().decode()
    assert "🎤 ミク" in line
    assert line.endswith("\n")
