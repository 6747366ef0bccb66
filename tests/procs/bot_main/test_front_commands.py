"""Settings, help, queue, status and panel, as people in a Discord server meet them."""

import pytest

from bus.errors import CODES, sentence
from bus.messages import NodeState, Phase, SessionState
from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.hand_chat import (
    ANNA,
    BOSS,
    DM,
    GENERAL,
    LOUNGE,
)
from tests.procs.bot_main.world import SINK

pytestmark = pytest.mark.unit
DM_CHANNEL = 900


async def test_settings_are_live_kept_and_show_who_changed_them(evenings: Evenings):
    async with evenings.begin() as evening:
        await evening.says("!miku settings voice_channels <#21>", by=ANNA)
        assert evening.texts[-1].startswith("❌ That is for administrators")
        await evening.says("!miku settings voice_channels <#21>", by=BOSS)
        evening.chat.enters(ANNA, LOUNGE)
        await evening.says("!miku join")
        assert evening.texts[-1].startswith("❌ This server's settings keep me out")
    async with evenings.begin() as evening:
        await evening.says("!miku settings show voice_channels", by=BOSS)
        assert evening.texts[-1].startswith(
            f"`voice_channels` = <#21> (default none; changed by <@{BOSS.id}>"
        )
        await evening.says("!miku settings voice_chanels default", by=BOSS)
        assert "Did you mean `voice_channels`?" in evening.texts[-1]


async def test_help_shows_what_one_may_use(evening: Evening):
    await evening.says("!miku help")
    assert "`!miku join [channel]`" in evening.texts[-1]
    assert "settings" not in evening.texts[-1]
    await evening.says("!miku", by=BOSS)
    assert "`!miku settings [name] [value]`" in evening.texts[-1]


async def test_features_are_called_with_what_follows_their_name(evening: Evening):
    await evening.says("!miku draw a  cat")
    assert evening.texts == ["draw: a  cat"]
    assert (evening.house.calls[0].command, evening.house.calls[0].person) == ("draw", ANNA)


async def test_status_says_what_she_does(evening: Evening):
    await evening.says("!miku voice-status")
    assert evening.texts == ["No active voice session"]
    await evening.joins()
    await evening.says("one")
    await evening.says("two")
    await evening.says("!miku status")
    lines = evening.texts[-1].splitlines()
    assert lines[:3] == [
        "🎤 **Voice Session Active**",
        "Voice Channel: Lounge",
        f"Prompt Channel: <#{GENERAL}>",
    ]
    assert "State: thinking, 1 waiting" in lines
    await evening.says("!miku queue")
    assert evening.texts[-1] == ("🎤 1 prompt waits for my voice. Before yours: 1.\n2 of your messages wait.")


async def test_status_says_that_her_disk_is_in_trouble_until_it_is_not(evenings: Evenings):
    async with evenings.begin() as evening:
        await evening.joins()
        evenings.documents.is_full = True
        evening.world.app._side.shelf.put("mood", "1", {"name": "happy"})
        await evening.settle()
        health = evening.world.node.health
        assert (health.state, health.code) == (NodeState.READY, "store_failed")
        await evening.says("!miku voice-status")
        assert f"⚠️ {CODES['store_failed'].cause}" in evening.texts[-1].splitlines()
        evenings.documents.is_full = False
        await evening.world.app._side.shelf.written()
        assert evening.world.node.health.code == ""
        await evening.says("!miku voice-status")
        assert "⚠️" not in evening.texts[-1]


async def test_the_end_lets_go_of_all_services_once(evenings: Evenings):
    for n_lives in (1, 2):
        async with evenings.begin():
            assert evenings.n_closed == n_lives - 1
        assert evenings.n_closed == n_lives


async def test_the_panel_is_edited_seldom_and_closed_at_the_end(evening: Evening):
    session = await evening.joins()
    await evening.pass_ms(6_000)
    panel = next(one for one in evening.chat.posted if one.post.buttons)
    assert [button.label for button in panel.post.buttons] == ["Stop", "Leave", "Status", "Queue", "Help"]
    await evening.pass_ms(20_000)
    assert panel.edits == []
    await evening.says("hello")
    await evening.pass_ms(6_000)
    assert "State: thinking" in panel.post.text
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.IDLE)
    await evening.pass_ms(1_000)
    assert panel.post.text == "No active voice session"
    assert [button.label for button in panel.post.buttons] == ["Join me"]
    assert evening.chat.presence == ""


async def test_direct_messages_concern_no_session_of_a_console_or_browser(
    evening: Evening,
):
    session = await evening.world.join()
    turn = (await evening.world.prompt("a long story")).turn
    for line in ("stop", "leave", "say hello", "voice-status", "queue"):
        await evening.says(f"!miku {line}", channel_id=DM_CHANNEL, guild_id=DM)
    assert evening.world.turns(session).active == turn
    assert evening.world.intent(session).wanted
    said = evening.chat.texts(DM_CHANNEL)
    assert said[:3] == ["❌ I'm not in a voice channel!"] * 3
    assert said[3] == "No active voice session"


async def test_what_ends_while_she_is_still_starting_is_told_once_she_has(evenings: Evenings):
    async with evenings.begin() as before:
        session = await before.joins()
        intent = before.intent
    state = SessionState(SINK, Phase.IDLE, intent.since_ms, intent.revision, reason="voice_kicked")
    evenings.n_turns_to_open = 20
    async with evenings.begin((f"control.session.{SINK}", state, session)) as after:
        await after.settle()
        assert after.texts[-1] == f"❌ {sentence('voice_kicked')}"


async def test_status_says_what_is_missing_without_a_session_too(evening: Evening):
    evening.chat.comes_online("discord_intent_missing")
    await evening.settle()
    status = evening.chat.invokes("status")
    await evening.settle()
    (answer,) = evening.chat.answers(status)
    missing = f"⚠️ {CODES['discord_intent_missing'].cause}"
    assert answer.text.splitlines() == ["No active voice session", missing]
