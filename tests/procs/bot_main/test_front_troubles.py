"""What people in a Discord server are told when something fails."""

import pytest

from bus.errors import CODES, sentence
from bus.messages import NodeState, Phase
from procs.bot_main.core.fallback import RESTORED
from tests.procs.bot_main.evening import Evening
from tests.procs.bot_main.hand_chat import LOUNGE, MIKU, SECRET, STAGE
from tests.procs.bot_main.world import SINK

pytestmark = pytest.mark.unit
DM_CHANNEL = 900


async def test_without_a_voice_answers_come_as_text_with_one_notice(evening: Evening):
    session = await evening.joins()
    for n in range(2):
        message = await evening.says(f"question {n}")
        turn = evening.world.turns(session).active
        await evening.world.fails("tts_bridge", session, turn, "tts_unreachable")
        await evening.world.reply(session, turn, f"Answer {n} @everyone.")
        await evening.world.played(session, 0, 0, finished_turn=turn)
        await evening.settle()
        assert evening.texts[-1] == f"⚠️ (Voice failed, text mode): Answer {n} @everyone."
        assert evening.chat.posted[-1].post.reply_to == message.id
        assert evening.chat.posted[-1].post.pings == ()
    notices = [text for text in evening.texts if sentence("tts_unreachable") in text]
    assert len(notices) == 1
    await evening.says("and now?")
    await evening.world.speak(session, evening.world.turns(session).active, "Here I am.")
    await evening.settle()
    assert evening.texts[-1] == "🎤 My voice is back."


async def test_an_answer_in_writing_replies_only_to_a_message_that_stands_in_its_channel(evening: Evening):
    session = await evening.joins()
    evening.chat.invokes("ask", text="by slash")
    await evening.settle()
    await evening.says("!miku ask elsewhere", channel_id=SECRET)
    for text in ("One.", "Two."):
        turn = evening.world.turns(session).active
        await evening.world.reply(session, turn, text)
        await evening.world.fails("tts_bridge", session, turn, "tts_unreachable")
        await evening.pass_ms(4_000)
    written = [posted.post for posted in evening.chat.posted if "text mode" in posted.post.text]
    assert [(post.text.split()[-1], post.reply_to) for post in written] == [("One.", 0), ("Two.", 0)]


async def test_a_model_that_fails_is_told_and_the_session_lives(evening: Evening):
    session = await evening.joins()
    await evening.says("hello")
    turn = evening.world.turns(session).active
    await evening.world.fails("llm_streamer", session, turn, "llm_timeout")
    await evening.settle()
    assert evening.texts[-1] == f"(in voice) *Miku seems confused...*\n{sentence('llm_timeout')}"
    assert evening.intent.wanted


async def test_the_house_learns_when_nothing_is_told_any_more_and_when_it_is_again(evening: Evening):
    evening.chat.goes_offline()
    await evening.settle()
    assert (evening.house.n_online, evening.house.n_offline) == (1, 1)
    evening.chat.comes_online()
    await evening.settle()
    assert (evening.house.n_online, evening.house.n_offline) == (2, 1)


async def test_a_wrong_token_is_told_by_health_and_other_sessions_go_on(evening: Evening):
    evening.chat.goes_offline("discord_token_invalid", is_final=True)
    await evening.settle()
    health = evening.world.node.health
    assert (health.state, health.code) == (NodeState.DEGRADED, "discord_token_invalid")
    assert await evening.world.join()


async def test_nothing_that_is_said_is_logged(evening: Evening):
    session = await evening.joins()
    await evening.says("canary one")
    await evening.says("!miku say canary two")
    await evening.world.speak(session, evening.world.turns(session).active, "canary three")
    await evening.says("!miku canary")
    lines = repr(evening.world.node.log.lines)
    assert "canary" not in lines
    assert "Anna" not in lines


async def test_a_mute_is_told_at_once_and_shown_until_it_is_taken_off(evening: Evening):
    session = await evening.joins()
    evening.chat.mutes_her()
    await evening.pass_ms(1_000)
    assert evening.texts[-1] == f"⚠️ {sentence('voice_muted')} Until then I write my answers."
    link = evening.link(session)
    assert (link.silenced, link.code, link.channel_id) == ("voice_muted", "", LOUNGE), "she stays"
    await evening.says("!miku voice-status")
    assert CODES["voice_muted"].cause in evening.texts[-1]
    evening.chat.mutes_her(yes=False)
    await evening.pass_ms(1_000)
    assert evening.texts[-1] == RESTORED
    assert evening.link(session).silenced == ""
    await evening.says("!miku voice-status")
    assert CODES["voice_muted"].cause not in evening.texts[-1]


async def test_a_mute_outlives_a_new_gateway_session_and_is_told_once(evening: Evening):
    await evening.joins()
    evening.chat.mutes_her()
    await evening.pass_ms(1_000)
    told = list(evening.texts)
    evening.chat.comes_online()
    await evening.pass_ms(2_000)
    assert evening.texts == told


async def test_a_prompt_that_ends_the_sink_each_time_is_not_asked_for_ever(evening: Evening):
    session = await evening.joins()
    await evening.says("one")
    for _ in range(5):
        await evening.world.silence(f"control.session.{SINK}", session)
        await evening.world.sink(session, Phase.STARTING)
        await evening.world.sink(session, Phase.ACTIVE)
        await evening.settle()
    assert len(evening.world.prompts) == 2, "once more, and then in writing"


async def test_words_that_nobody_got_are_not_remembered(evening: Evening):
    session = await evening.joins()
    await evening.says("one")
    turn = evening.world.prompts[-1][0]
    await evening.world.reply(session, turn, "Nobody ever got these words and", complete=False)
    await evening.world.silence(f"control.session.{SINK}", session)
    await evening.world.sink(session, Phase.STARTING)
    await evening.world.sink(session, Phase.ACTIVE)
    await evening.settle()
    assert len(evening.world.prompts) == 2
    _, again = evening.world.prompts[-1]
    assert [message.role for message in again.messages].count("user") == 1
    assert not any("Nobody" in message.content for message in again.messages)


async def test_moved_onto_a_stage_she_says_that_nobody_hears_her_there(evening: Evening):
    session = await evening.joins()
    evening.chat.enters(MIKU, STAGE)
    await evening.pass_ms(1_000)
    notice = f"⚠️ {sentence('voice_stage')} Until then I write my answers."
    assert evening.texts[-1] == notice
    assert (evening.link(session).silenced, evening.intent.voice_channel_id) == ("voice_stage", STAGE)
    await evening.says("!miku voice-status")
    assert CODES["voice_stage"].cause in evening.texts[-1]
    await evening.pass_ms(5_000)
    assert evening.texts.count(notice) == 1
    evening.chat.invites_her_to_speak()
    await evening.pass_ms(1_000)
    assert evening.texts[-1] == RESTORED
