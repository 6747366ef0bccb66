"""Being online: tokens, intents, losses of every length, and what survives them."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.discord_bot import DiscordChat
from procs.bot_main.backends.discord_permissions import BITS, PERMISSIONS
from procs.bot_main.core.chat import (
    ChatEvent,
    GuildGone,
    Incoming,
    Invoked,
    Mask,
    Names,
    Offline,
    Online,
    Post,
    VoicePair,
    VoiceRoomChanged,
)
from tests.discord.faults import Point
from tests.discord.rules import Rules
from tests.discord.world.drafts import Draft
from tests.procs.bot_main.backends.discord_scene import Scene, make_chat, running, scene
from tests.waiting import until

pytestmark = pytest.mark.flow
CANARY = "canary.token-of_a.bot"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made


async def plain_bot(stage: Scene, folder: Path) -> DiscordChat:
    """A bot to which Discord grants no privileged intent."""
    return make_chat(stage.director.discord, folder, stage.director.bot("Plain", privileged=0).token)


async def test_online_says_who_and_where_she_is(stage: Scene) -> None:
    (online,) = stage.of(Online)
    assert (online.name, online.guild_ids, online.code) == ("Miku", (stage.guild_id,), "")
    assert online.user_id == stage.director.bot("Miku").user.id


async def test_the_invitation_asks_for_exactly_the_listed_permissions(stage: Scene) -> None:
    (online,) = stage.of(Online)
    assert f"permissions={BITS}" in online.invite_url
    assert BITS.bit_count() == len(PERMISSIONS)
    assert not BITS & 1 << 3, "Administrator is never asked for"


@pytest.mark.parametrize(
    ("token", "code"),
    [("wrong", "discord_token_invalid"), ("a b\n", "discord_token_invalid"), (" ", "discord_token_missing")],
)
async def test_a_wrong_token_is_final(tmp_path: Path, token: str, code: str) -> None:
    async with scene(tmp_path, token=token) as stage:
        assert await stage.next(Offline) == Offline(code, is_final=True)
        assert stage.director.journal.identifies == 0


async def test_a_token_that_is_reset_meanwhile_is_final(stage: Scene) -> None:
    stage.director.bot("Miku").application.token = "another"
    stage.director.bot("Miku").gateway_closes(4004)
    assert (await stage.next(Offline)).is_final


async def test_without_the_intent_commands_mentions_and_direct_messages_work(
    stage: Scene, tmp_path: Path
) -> None:
    events: list[ChatEvent] = []
    chat = await plain_bot(stage, tmp_path)
    plain = Scene(stage.director, chat, events)
    ann, bot = stage.director.person("Ann"), stage.director.bot("Plain")
    async with running(chat, events):
        assert (await plain.next(Online)).code == "discord_intent_missing"
        await until(lambda: bot.commands)
        ann.says("general", "nobody but people can read this")
        assert (await plain.next(Incoming)).text == ""
        ann.says("general", f"{bot.mention} hello")
        assert await plain.next(Incoming, lambda one: one.text == "hello" and one.is_addressed)
        ann.writes_to("Plain", "psst")
        direct = await plain.next(Incoming)
        assert (direct.text, direct.is_addressed, direct.guild_id) == ("psst", True, 0)
        ann.uses("miku join", "general", bot="Plain")
        assert (await plain.next(Invoked)).command == "join"


async def test_a_short_loss_is_resumed_in_silence(stage: Scene) -> None:
    await stage.next(Online)
    stage.director.bot("Miku").gateway_is_cut()
    stage.director.person("Ann").says("general", "meanwhile")
    assert (await stage.next(Incoming)).text == "meanwhile"
    assert not [one for one in stage.events if isinstance(one, Online | Offline)]
    assert stage.director.journal.resumes == 1


async def test_a_lost_session_is_followed_by_a_new_one_and_voice_is_told_again(stage: Scene) -> None:
    await stage.next(Online)
    await stage.chat.set_voice(stage.guild_id, stage.lounge)
    await stage.next(VoicePair, lambda one: bool(one.token))
    stage.director.bot("Miku").loses_session()
    await stage.next(Online)
    await stage.chat.set_voice(stage.guild_id, stage.lounge)
    pair = await stage.next(VoicePair, lambda one: bool(one.token))
    assert pair.channel_id == stage.lounge


async def test_her_presence_outlives_the_session(stage: Scene) -> None:
    await stage.next(Online)
    await stage.chat.set_presence("reading")
    await until(lambda: stage.director.journal.presences)
    stage.director.journal.presences.clear()
    bot = stage.director.bot("Miku")
    bot.loses_session()
    await until(lambda: bot.presence.get("activities"))
    assert bot.presence["activities"][0]["state"] == "reading"


async def test_a_long_loss_is_told_and_she_comes_back_by_herself(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        await stage.next(Online)
        faults = stage.director.faults
        faults.arm(Point.REST, times=None, do="drop")
        faults.arm(Point.RESUME, times=None, code=4000)
        stage.director.bot("Miku").gateway_is_cut()
        assert await stage.next(Offline) == Offline("discord_unreachable")
        with pytest.raises(BackendError):
            await stage.chat.send(stage.general, Post("hello"))
        faults.disarm()
        await stage.next(Online)
        assert not stage.of(Offline), "told once"
        assert await stage.chat.send(stage.general, Post("hello again"))


async def test_a_gateway_that_keeps_silent_is_left_and_tried_again(stage: Scene, tmp_path: Path) -> None:
    stage.director.faults.arm(Point.IDENTIFY, do="silence")
    events: list[ChatEvent] = []
    async with running(make_chat(stage.director.discord, tmp_path, stage.director.bot("Miku").token), events):
        await until(lambda: [one for one in events if isinstance(one, Online)])
    assert events[0] == Offline("discord_unreachable")


async def test_refused_resumes_and_identifies_are_tried_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        await stage.next(Online)
        stage.director.faults.arm(Point.RESUME, code=4000, times=1)
        stage.director.faults.arm(Point.RESUME, do="invalid", times=1)
        stage.director.faults.arm(Point.IDENTIFY, do="invalid", times=1)
        stage.director.bot("Miku").gateway_is_cut()
        await stage.next(Online)
        assert not stage.of(Offline)
        assert (stage.director.journal.resumes, stage.director.journal.identifies) == (0, 3), (
            "both resumes were refused, and so was the first identify after them"
        )


async def test_no_sessions_left_is_waited_out(tmp_path: Path) -> None:
    rules = Rules(identify_interval_s=0.0, identify_budget=1)
    async with scene(tmp_path, rules=rules) as stage:
        await stage.next(Online)
        other = make_chat(stage.director.discord, tmp_path, stage.director.bot("Miku").token)
        events: list[ChatEvent] = []
        async with running(other, events):
            await until(lambda: events)
        assert events == [Offline("discord_unreachable")]
        assert stage.director.journal.identifies == 1


async def test_her_voice_survives_a_stop_for_the_next_one(stage: Scene, tmp_path: Path) -> None:
    bot = stage.director.bot("Miku")
    first = make_chat(stage.director.discord, tmp_path, bot.token)
    events: list[ChatEvent] = []
    async with running(first, events):
        await until(lambda: [one for one in events if isinstance(one, Online)])
        await first.set_voice(stage.guild_id, stage.lounge)
        await until(lambda: bot.voice)
    closed = stage.director.journal.gateway_closes
    assert 1000 not in closed
    assert 1001 not in closed
    assert bot.voice == "Lounge"


async def test_a_mute_and_a_stage_on_which_she_may_not_speak_are_told(stage: Scene) -> None:
    stage.director.stage("Stage")
    bot = stage.director.bot("Miku")
    await stage.chat.set_voice(stage.guild_id, stage.lounge)
    heard = await stage.next(VoicePair, lambda one: bool(one.token))
    assert (heard.is_muted, heard.is_suppressed) == (False, False)
    bot.is_muted()
    muted = await stage.next(VoicePair, lambda one: one.is_muted)
    assert (muted.channel_id, muted.token) == (stage.lounge, heard.token)
    bot.is_muted(False)
    await stage.next(VoicePair, lambda one: not one.is_muted)
    bot.is_moved("Stage")
    moved = await stage.next(VoicePair, lambda one: one.is_suppressed)
    assert moved.channel_id == stage.director.places["Stage"].id


async def test_moves_kicks_and_new_servers_are_told(stage: Scene) -> None:
    stage.director.voice_place("Cellar")
    bot, cellar = stage.director.bot("Miku"), stage.director.places["Cellar"].id
    await stage.chat.set_voice(stage.guild_id, stage.lounge)
    await stage.next(VoicePair, lambda one: bool(one.token))
    bot.is_moved("Cellar")
    moved = await stage.next(VoicePair, lambda one: one.channel_id == cellar)
    bot.changes_server(null_first=True)
    assert (await stage.next(VoicePair, lambda one: not one.endpoint)).channel_id == cellar
    elsewhere = await stage.next(VoicePair, lambda one: bool(one.endpoint))
    assert elsewhere.token != moved.token
    bot.is_kicked()
    assert (await stage.next(VoicePair)).channel_id == 0
    assert stage.chat.voice_of(stage.guild_id, bot.user.id) == 0


async def test_she_asks_to_hear_nothing_and_to_be_heard(stage: Scene) -> None:
    await stage.chat.set_voice(stage.guild_id, stage.lounge)
    bot = stage.director.bot("Miku")
    await until(lambda: bot.voice)
    (state,) = stage.director.guild("Home").voice_states.values()
    assert (state.self_deaf, state.self_mute) == (True, False)
    await stage.chat.set_voice(stage.guild_id, 0)
    await until(lambda: not bot.voice)


async def test_a_room_is_seen_as_it_is(stage: Scene) -> None:
    stage.director.stage("Podium")
    lounge, podium = stage.director.places["Lounge"], stage.director.places["Podium"]
    lounge.limit(3)
    lounge.forbid("Miku", ["CONNECT"])

    def seen() -> bool:
        room = stage.chat.voice_room(stage.guild_id, lounge.id)
        return room is not None and room.missing == ("Connect",) and room.user_limit == 3

    await stage.next(VoiceRoomChanged)
    await until(seen)
    room = await until(lambda: stage.chat.voice_room(stage.guild_id, podium.id))
    assert (room.is_stage, room.name, room.missing) == (True, "Podium", ())
    assert {one.id for one in stage.chat.voice_rooms(stage.guild_id)} == {lounge.id, podium.id}
    assert stage.chat.channel_name(lounge.id) == "Lounge"
    assert stage.chat.voice_room(stage.guild_id, stage.general) is None


async def test_who_may_what_is_seen(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    host = stage.director.role("host", ["MOVE_MEMBERS", "MANAGE_GUILD"])
    ann.gets(host)
    ann.says("general", "hello")
    author = (await stage.next(Incoming)).author
    assert (author.rights.is_admin, author.rights.moves_members) == (True, True)
    assert (author.rights.is_owner, author.rights.role_ids) == (False, {host.id})
    assert await stage.chat.person(stage.guild_id, author.id) == author


async def test_bots_and_herself_are_not_heard(stage: Scene) -> None:
    await stage.chat.send(stage.general, Post("mine"))
    await stage.chat.send_masked(stage.general, Mask("Ann"), Post("hers"))
    stranger, general = stage.director.bot("Stranger"), stage.director.places["general"]
    stage.director.discord.happenings.post(general.channel, stranger.user, Draft("a bot's"))
    stage.director.person("Ann").says("general", "Ann's")
    assert (await stage.next(Incoming)).text == "Ann's"


async def test_channels_and_roles_are_known_by_name(stage: Scene) -> None:
    role = stage.director.role("team", [])
    lounge = stage.director.places["Lounge"]
    seen = await until(lambda: (names := stage.chat.names(stage.guild_id)).roles and names)
    assert seen.roles == {role.id: "team"}
    assert seen.voice == {lounge.id: "Lounge"}
    assert seen.writable[stage.general] == "general"
    stage.director.places["general"].forbid("Miku", ["SEND_MESSAGES"])
    await until(lambda: stage.general not in stage.chat.names(stage.guild_id).writable)


async def test_mentions_are_names_in_the_text(stage: Scene) -> None:
    ann, bot = stage.director.person("Ann"), stage.director.bot("Miku")
    role = stage.director.role("team", [])
    lounge = stage.director.places["Lounge"].id
    ann.says("general", f"{bot.mention}, tell {ann.mention} and <@&{role.id}> about <#{lounge}>")
    message = await stage.next(Incoming)
    assert message.text == "tell @Ann and @team about #Lounge"
    assert message.source == f"tell {ann.mention} and <@&{role.id}> about <#{lounge}>"


async def test_leaving_a_guild_is_told(stage: Scene) -> None:
    stage.director.bot("Miku").is_removed()
    assert await stage.next(GuildGone) == GuildGone(stage.guild_id)
    assert stage.chat.names(stage.guild_id) == Names()
    with pytest.raises(BackendError):
        await stage.chat.set_voice(stage.guild_id, stage.lounge)


async def test_a_guild_that_comes_back_is_told_with_its_rooms(stage: Scene) -> None:
    stage.director.outage()
    await stage.next(GuildGone)
    stage.director.recovery()
    await stage.next(VoiceRoomChanged)
    assert stage.chat.guild_ids() == [stage.guild_id]


async def test_the_token_and_the_text_stay_out_of_logs_and_errors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as stage:
        with caplog.at_level(logging.DEBUG):
            bot = stage.director.bot("Miku")
            bot.application.token = CANARY
            chat = make_chat(stage.director.discord, tmp_path, CANARY)
            events: list[ChatEvent] = []
            async with running(chat, events):
                await until(lambda: [one for one in events if isinstance(one, Online)])
                stage.director.faults.arm(Point.REST, "POST /channels/{channel}/messages", status=403)
                with pytest.raises(BackendError) as failed:
                    await chat.send(stage.general, Post("very secret text"))
                bot.gateway_is_cut()
                stage.director.person("Ann").says("general", "very secret text")
                await until(lambda: [one for one in events if isinstance(one, Incoming)])
            said = (
                caplog.text + repr(chat) + repr(failed.value) + repr(failed.value.__cause__) + repr(events[0])
            )
    assert CANARY not in said
    assert "very secret" not in said


def test_settings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="ca_file"):
        DiscordChat("x", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(BadSettings, match="api_base"):
        DiscordChat("x", api_base="discord.com")
