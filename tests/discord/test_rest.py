"""The HTTP API as the client library uses it, and where it refuses."""

import asyncio
import io

import aiohttp
import discord
import pytest

from tests.discord.client import make_client, online
from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.waiting import until

pytestmark = pytest.mark.flow
NOBODY = discord.AllowedMentions.none()


def text_channel(client: discord.Client, director: Director) -> discord.TextChannel:
    channel = client.get_channel(director.places["general"].id)
    assert isinstance(channel, discord.TextChannel)
    return channel


def voice_channel(client: discord.Client, director: Director) -> discord.VoiceChannel:
    channel = client.get_channel(director.places["Lounge"].id)
    assert isinstance(channel, discord.VoiceChannel)
    return channel


async def test_a_wrong_token_is_turned_away(loopback: Loopback, director: Director) -> None:
    with pytest.raises(discord.LoginFailure):
        async with online(make_client(loopback), "wrong"):
            pass
    assert loopback.journal.refusals[401] == 1


async def test_a_message_is_answered_and_reacted_to(client: discord.Client, director: Director) -> None:
    heard: asyncio.Queue[discord.Message] = asyncio.Queue()
    client.on_message = heard.put  # type: ignore[attr-defined]
    director.person("Ann").says("general", "hello Miku")
    message = await heard.get()
    assert (message.content, message.author.display_name) == ("hello Miku", "Ann")

    await message.add_reaction("🎤")
    answer = await message.reply("hello Ann", allowed_mentions=NOBODY)
    assert director.places["general"].texts == ["hello Miku", "hello Ann"]
    (asked, answered) = director.places["general"].messages
    assert list(asked.reactions) == ["🎤"]
    assert answered.reply_to is asked

    await answer.edit(content="hello, Ann", allowed_mentions=NOBODY)
    assert director.places["general"].texts[1] == "hello, Ann"
    await message.remove_reaction("🎤", client.user)  # type: ignore[arg-type]
    await answer.delete()
    assert director.places["general"].texts == ["hello Miku"]
    assert not asked.reactions


async def test_edits_deletions_and_reactions_of_people_are_told(
    client: discord.Client, director: Director
) -> None:
    ann = director.person("Ann")
    message = ann.says("general", "one")
    edited = client.wait_for("raw_message_edit", timeout=5)
    reacted = client.wait_for("raw_reaction_add", timeout=5)
    deleted = client.wait_for("raw_message_delete", timeout=5)

    async def act() -> None:
        ann.edits(message, "two")
        ann.reacts(message, "👍")
        ann.deletes(message)

    edit, reaction, deletion, _ = await asyncio.gather(edited, reacted, deleted, act())
    assert edit.message.content == "two"
    assert (reaction.emoji.name, reaction.user_id) == ("👍", ann.user.id)
    assert deletion.message_id == message.id


async def test_history_goes_both_ways(client: discord.Client, director: Director) -> None:
    said = [director.person("Ann").says("general", str(number)) for number in range(7)]
    channel = text_channel(client, director)
    middle = discord.Object(said[3].id)
    assert [m.content async for m in channel.history(limit=3)] == ["6", "5", "4"]
    assert [m.content async for m in channel.history(before=middle, limit=2)] == ["2", "1"]
    assert [m.content async for m in channel.history(after=middle, limit=2)] == ["4", "5"]
    assert [m.content async for m in channel.history(around=middle, limit=3)] == ["4", "3", "2"]
    with pytest.raises(discord.HTTPException):
        await client.http.logs_from(channel.id, limit=101)


async def test_a_message_is_at_most_2000_characters_and_not_empty(
    client: discord.Client, director: Director
) -> None:
    channel = text_channel(client, director)
    await channel.send("x" * 2000)
    for content, code in (("x" * 2001, 50035), (" ", 50006)):
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send(content)
        assert refused.value.code == code


async def test_a_nonce_seen_twice_posts_once(client: discord.Client, director: Director) -> None:
    channel = text_channel(client, director)
    first = await channel.send("once", nonce="abc")
    second = await channel.send("once", nonce="abc")
    third = await channel.send("again", nonce="def")
    assert first.id == second.id != third.id
    assert director.bot("Miku").texts == ["once", "again"]


async def test_a_lost_answer_and_the_same_nonce_post_once(client: discord.Client, director: Director) -> None:
    channel = text_channel(client, director)
    director.faults.arm("rest", at="POST */messages", do="drop_after")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await channel.send("once", nonce="abc")
    await channel.send("once", nonce="abc")
    assert director.bot("Miku").texts == ["once"]


async def test_files_are_uploaded_and_can_be_fetched(client: discord.Client, director: Director) -> None:
    file = discord.File(io.BytesIO(b"la la"), "song.txt", description="a song")
    sent = await text_channel(client, director).send("listen", file=file)
    (attachment,) = sent.attachments
    assert (attachment.filename, attachment.size, attachment.description) == ("song.txt", 5, "a song")
    assert await attachment.read() == b"la la"


async def test_people_attach_files(client: discord.Client, director: Director) -> None:
    director.person("Ann").says("general", "look", files={"notes.txt": "some text"})
    (message,) = [m async for m in text_channel(client, director).history()]
    assert await message.attachments[0].read() == b"some text"


async def test_direct_messages(client: discord.Client, director: Director) -> None:
    ann = director.person("Ann")
    heard = client.wait_for("message", timeout=5)
    ann.writes_to("Miku", "psst")
    message = await heard
    assert isinstance(message.channel, discord.DMChannel)
    user = await client.fetch_user(ann.user.id)
    await user.send("yes?")
    assert [m.content for m in ann.inbox()] == ["yes?"]
    ann.takes_dms(False)
    with pytest.raises(discord.Forbidden) as refused:
        await user.send("hello?")
    assert refused.value.code == 50007


async def test_a_webhook_speaks_under_its_own_name(client: discord.Client, director: Director) -> None:
    director.allow(["MANAGE_WEBHOOKS"])
    hook = await text_channel(client, director).create_webhook(name="Chorus")
    sent = await hook.send("la", username="Rin", wait=True, allowed_mentions=NOBODY)
    await sent.edit(content="la la", allowed_mentions=NOBODY)
    (message,) = director.places["general"].messages
    assert (message.author.name, message.content) == ("Rin", "la la")
    stolen = discord.Webhook.partial(hook.id, "wrong", client=client)
    with pytest.raises(discord.HTTPException) as refused:
        await stolen.send("hi")
    assert refused.value.code == 50027


async def test_missing_permissions_are_refused_by_name(client: discord.Client, director: Director) -> None:
    channel = text_channel(client, director)
    message = await channel.send("hello")
    director.places["general"].forbid("Miku", ["SEND_MESSAGES", "ADD_REACTIONS"])
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hello")
    assert refused.value.code == 50013
    with pytest.raises(discord.Forbidden):
        await message.add_reaction("👍")
    director.places["general"].forbid("Miku", ["VIEW_CHANNEL"])
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hello")
    assert refused.value.code == 50001


async def test_nickname_avatar_and_typing(client: discord.Client, director: Director) -> None:
    channel = text_channel(client, director)
    await channel.guild.me.edit(nick="Miku 🎤")
    assert director.bot("Miku").nick == "Miku 🎤"
    assert client.user
    await client.user.edit(avatar=b"\x89PNG\r\n\x1a\n" + bytes(16))
    assert director.bot("Miku").user.avatar
    async with channel.typing():
        pass
    assert list(director.journal.typing) == [channel.id]


async def test_the_status_line_of_a_voice_channel_needs_a_permission(
    client: discord.Client, director: Director
) -> None:
    channel = voice_channel(client, director)
    with pytest.raises(discord.Forbidden):
        await channel.edit(status="loading")
    director.places["Lounge"].permit("Miku", ["SET_VOICE_CHANNEL_STATUS", "MANAGE_CHANNELS"])
    await channel.edit(status="loading")
    assert director.places["Lounge"].status == "loading"


async def test_overwrites_of_a_channel(client: discord.Client, director: Director) -> None:
    director.places["general"].permit("Miku", ["MANAGE_ROLES"])
    channel = text_channel(client, director)
    await channel.set_permissions(channel.guild.default_role, send_messages=False)
    with pytest.raises(PermissionError):
        director.person("Ann").says("general", "hello?")


async def test_pings_are_only_those_allowed(client: discord.Client, director: Director) -> None:
    ann = director.person("Ann")
    message = ann.says("general", "mention me")
    channel = text_channel(client, director)
    await channel.send(f"@everyone {ann.mention}", allowed_mentions=NOBODY)
    await channel.get_partial_message(message.id).reply("hi", allowed_mentions=NOBODY)
    assert director.bot("Miku").pings == []
    assert not director.journal.implicit_mentions

    await channel.send(f"hi {ann.mention} @everyone")
    assert [(ping.users, ping.everyone) for ping in director.bot("Miku").pings] == [((ann.user.id,), False)]
    assert [one.content for one in director.journal.implicit_mentions] == [f"hi {ann.mention} @everyone"]


async def test_presence_is_seen(client: discord.Client, director: Director) -> None:
    await client.change_presence(activity=discord.CustomActivity("🎤 In Voice Chat"))
    await until(lambda: director.bot("Miku").presence)
    assert director.bot("Miku").presence["activities"][0]["state"] == "🎤 In Voice Chat"


async def test_no_route_is_missing(client: discord.Client, director: Director) -> None:
    await client.fetch_guild(director.guild("Home").id)
    await text_channel(client, director).guild.fetch_roles()
    await text_channel(client, director).guild.fetch_member(director.person("Ann").user.id)
    await client.fetch_channel(director.places["general"].id)
    await client.application_info()
    assert not director.journal.unknown_routes
