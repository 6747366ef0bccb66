"""The front as people in a Discord server meet it."""

import pytest

from bus.errors import CODES, sentence
from bus.messages import NodeState, Phase, RequestKind, SessionState, TurnKind
from procs.bot_main.core.chat import Post
from tests.procs.bot_main.evening import JOINED, Evening, Evenings
from tests.procs.bot_main.hand_chat import (
    ANNA,
    BERT,
    BOSS,
    CELLAR,
    DM,
    GENERAL,
    HOME,
    LOUNGE,
    MIKU,
    SECRET,
    STAGE,
)
from tests.procs.bot_main.world import SINK
from tests.waiting import until

pytestmark = pytest.mark.unit
DM_CHANNEL = 900


# --- calling her ---------------------------------------------------------------------------------


async def test_she_says_that_she_joined_once_the_session_is_active(evening: Evening):
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    assert evening.texts == []
    assert evening.place == LOUNGE
    intent = evening.intent
    assert (intent.guild_id, intent.voice_channel_id, intent.prompt_channel_id) == (HOME, LOUNGE, GENERAL)
    assert intent.requested_by == str(ANNA.id)
    await evening.world.sink(evening.session, Phase.STARTING)
    await evening.world.sink(evening.session, Phase.ACTIVE)
    await evening.settle()
    assert evening.texts == [JOINED]
    assert evening.chat.presence == "🎤 In Voice Chat"


@pytest.mark.parametrize("named", ["#lounge", "Lounge", f"<#{LOUNGE}>", str(LOUNGE)])
async def test_a_channel_may_be_named(evening: Evening, named: str):
    await evening.says(f"!MIKU  join   {named}")
    assert evening.intent.voice_channel_id == LOUNGE


async def test_the_obstacles_are_told_by_name(evening: Evening):
    await evening.says("!miku join")
    await evening.says("!miku join <#12345>")
    await evening.says(f"!miku join <#{STAGE}>")
    await evening.says(f"!miku join <#{CELLAR}>")
    evening.chat.changes_room(LOUNGE, user_limit=1)
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    evening.chat.changes_room(LOUNGE, user_limit=0)
    await evening.world.health("tts_bridge", NodeState.DEGRADED, "tts_unreachable")
    await evening.says("!miku join")
    assert evening.texts == [
        "❌ You must be in a voice channel!",
        "❌ I don't see a voice channel of that name here.",
        f"❌ {sentence('voice_stage')}",
        f"❌ {sentence('voice_no_permission')}",
        "❌ Voice channel is full!",
        "❌ TTS pipeline not available. Check soprano/rvc containers.\n" + sentence("tts_unreachable"),
    ]
    assert evening.world.sessions == []


async def test_a_second_call_is_told_to_leave_first(evening: Evening):
    await evening.joins()
    await evening.says("!miku join")
    assert evening.texts[-1] == "❌ Already in a voice session! Use `!miku leave` first."


@pytest.mark.parametrize("code", ["voice_disabled", "session_not_ready"])
async def test_a_refusal_of_the_sink_is_told_with_its_remedy(evening: Evening, code: str):
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    await evening.world.sink(evening.session, Phase.IDLE, refusal=code)
    await evening.settle()
    assert evening.texts == [f"❌ {sentence(code)}"]
    assert evening.place == 0


async def test_a_join_that_discord_meets_with_silence_is_a_refusal(evening: Evening):
    evening.chat.answers_voice = False
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    await evening.world.sink(evening.session, Phase.STARTING)
    await evening.pass_ms(8_000)
    link = evening.link(evening.session)
    assert (link.channel_id, link.code) == (0, "voice_refused")


async def test_the_same_by_slash_and_button(evening: Evening):
    evening.chat.enters(ANNA, LOUNGE)
    joined = evening.chat.invokes("join")
    await evening.settle()
    await evening.world.sink(evening.session, Phase.ACTIVE)
    await evening.settle()
    assert evening.chat.answers(joined) == [Post(JOINED)]
    asked = evening.chat.invokes("ask", text="How are you?")
    status = evening.chat.invokes("status")
    await evening.settle()
    assert [post.text for post in evening.chat.answers(asked)] == ["🎤 How are you?"]
    assert evening.chat.answers(status)[0].is_hidden
    assert len(evening.world.prompts) == 1
    left = evening.chat.invokes("leave")
    await evening.settle()
    await evening.pass_ms(1_100)
    assert [post.text for post in evening.chat.answers(left)] == ["👋 Left voice channel!"]


async def test_her_presence_is_that_of_now_after_a_gateway_that_was_away(evening: Evening):
    session = await evening.joins()
    assert evening.chat.presence == "🎤 In Voice Chat"
    evening.chat.goes_offline()
    await evening.world.ask(RequestKind.LEAVE, session=session)
    await evening.world.sink(session, Phase.IDLE)
    await evening.settle()
    evening.chat.comes_online()
    await evening.settle()
    assert evening.chat.presence == ""


# --- leaving -------------------------------------------------------------------------------------


async def test_leave_works_while_the_join_hangs(evening: Evening):
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    await evening.says("!miku leave")
    assert "👋 Left voice channel!" in evening.texts
    assert evening.place == 0
    assert not evening.intent.wanted


async def test_a_leave_counts_for_a_join_that_waits_for_an_earlier_session_to_end(evening: Evening):
    await evening.joins()
    earlier = evening.session
    for text in ("!miku leave", "!miku join", "!miku leave"):
        await evening.says(text)
    await evening.world.sink(earlier, Phase.IDLE)
    await until(lambda: evening.session != earlier)
    await evening.world.sink(evening.session, Phase.STARTING)
    await until(lambda: f"❌ {sentence('session_none')}" in evening.texts)
    assert not evening.intent.wanted
    assert evening.place == 0


async def test_leaving_when_there_is_nothing_to_leave(evening: Evening):
    await evening.says("!miku leave")
    assert evening.texts == ["❌ I'm not in a voice channel!"]


async def test_others_leave_by_a_vote_of_half_of_those_who_listen(evening: Evening):
    await evening.joins()
    carl = 104
    evening.chat.people[carl] = BERT.__class__(carl, "Carl")
    evening.chat.enters(BERT, LOUNGE)
    evening.chat.enters(evening.chat.people[carl], LOUNGE)
    await evening.says("!miku leave", by=BERT)
    assert evening.texts[-1].startswith("🗳️ 1 of 2 votes")
    await evening.says("!miku leave", by=BERT)
    assert evening.intent.wanted
    await evening.says("!miku leave", by=evening.chat.people[carl])
    assert not evening.intent.wanted


async def test_who_does_not_listen_has_no_vote(evening: Evening):
    await evening.joins()
    await evening.says("!miku leave", by=BERT)
    assert evening.intent.wanted
    assert "Only hosts" in evening.texts[-1]


async def test_an_empty_room_is_left_after_the_settings_time_and_a_prompt_begins_it_anew(evening: Evening):
    session = await evening.joins()
    await evening.says("!miku settings leave_when_alone_s 60", by=BOSS)
    await evening.pass_ms(300_000)
    assert evening.intent.wanted
    evening.chat.leaves(ANNA)
    await evening.pass_ms(50_000)
    await evening.says("still there?")
    turn = evening.world.turns(session).active
    await evening.world.speak(session, turn, "Yes.")
    await evening.pass_ms(55_000)
    assert evening.intent.wanted
    await evening.pass_ms(7_000)
    assert not evening.intent.wanted
    assert evening.texts[-1] == "👋 Everybody has left, so I left too."


# --- prompts -------------------------------------------------------------------------------------


async def test_a_message_in_the_prompt_channel_is_a_prompt_with_the_writers_name(evening: Evening):
    await evening.joins()
    first, second = await evening.says("hello"), await evening.says("and I", by=BERT)
    assert evening.world.prompts[0][1].messages[-1].content == "Anna: hello"
    assert evening.chat.reactions[first.id] == ["🎤"]
    assert evening.chat.reactions[second.id] == ["🎤", "1️⃣"]
    await evening.world.speak(evening.session, evening.world.prompts[0][0], "Hi.")
    await evening.settle()
    assert evening.chat.reactions[second.id] == ["🎤"]
    assert evening.house.offered == []


async def test_other_channels_and_other_times_are_the_houses(evening: Evening):
    before = await evening.says("hello")
    await evening.joins()
    elsewhere = await evening.says("hello", channel_id=SECRET)
    directly = await evening.says("hello", guild_id=DM, channel_id=77)
    assert evening.house.offered == [before, elsewhere, directly]


async def test_what_she_can_only_do_afterwards_is_no_prompt(evening: Evening):
    await evening.joins()
    await evening.says("draw a cat")
    assert [(one.text, one.is_addressed) for one in evening.house.offered] == [("draw a cat", True)]
    assert evening.world.prompts == []


async def test_a_repeated_message_is_one_prompt(evening: Evening):
    await evening.joins()
    message = await evening.says("hello")
    evening.chat.tell(message)
    await evening.settle()
    await evening.world.speak(evening.session, evening.world.prompts[0][0], "Hi.")
    assert len(evening.world.prompts) == 1


async def test_too_many_prompts_of_one_person_and_of_all_are_refused_clearly(evening: Evening):
    await evening.joins()
    await evening.says("!miku settings max_waiting 6", by=BOSS)
    for n in range(7):
        await evening.says(f"number {n}")
    assert evening.texts[-1].startswith("❌ 5 of your prompts wait already.")
    for n in range(2):
        await evening.says(f"number {n}", by=BERT)
    assert evening.texts[-1] == f"❌ {sentence('busy')}"


async def test_an_endless_prompt_is_refused_politely(evening: Evening):
    await evening.joins()
    await evening.says("a" * 4_001)
    assert evening.texts[-1].startswith("❌ That is too long for me: 4,001 characters")
    assert evening.world.prompts == []


async def test_waiting_prompts_follow_edits_and_deletions_and_a_running_one_is_cut(evening: Evening):
    session = await evening.joins()
    running, gone, changed = [await evening.says(text) for text in ("one", "two", "three")]
    evening.chat.edits(changed, "drei")
    evening.chat.deletes(gone)
    await evening.settle()
    first = evening.world.prompts[0][0]
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.milestones(first)[-1] == (TurnKind.CUT, "")
    assert evening.world.turns(session).floor == first + 1
    said = [prompt.messages[-1].content for _, prompt in evening.world.prompts]
    assert [text.splitlines()[-1] for text in said] == ["Anna: one", "Anna: drei"]


async def test_a_waiting_say_that_is_edited_is_read_out_in_its_new_words(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    fixed = await evening.says("!miku say Good evning.")
    other = await evening.says("!miku say Stay.")
    evening.chat.edits(fixed, "!miku say Good evening.")
    evening.chat.edits(other, "!miku queue")
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "Good evening."
    evening.chat.deletes(fixed)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "Stay.", "what became another command stays as it was"


async def test_a_waiting_prompt_may_become_a_say_and_back(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    question = await evening.says("two")
    reading = await evening.says("!miku say three")
    evening.chat.edits(question, "!miku say zwei")
    evening.chat.edits(reading, "drei")
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "zwei"
    evening.chat.deletes(question)
    await evening.settle()
    assert evening.world.prompts[-1][1].messages[-1].content.splitlines()[-1] == "Anna: drei"


async def test_edits_and_deletions_that_come_in_one_burst_with_their_messages_count(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    evening.chat.deletes(evening.chat.says("gone"))
    evening.chat.edits(evening.chat.says("mistyped"), "well typed")
    await evening.settle()
    evening.chat.deletes(running)
    await evening.settle()
    said = [prompt.messages[-1].content.splitlines()[-1] for _, prompt in evening.world.prompts]
    assert said == ["Anna: one", "Anna: well typed"]


async def test_say_is_read_out_and_stop_silences(evening: Evening):
    await evening.joins()
    message = await evening.says("!miku say Good evening.")
    assert evening.world.prompts[0][1].verbatim == "Good evening."
    assert evening.chat.reactions[message.id] == ["🎤"]
    stop = await evening.says("!miku stop", by=BERT)
    assert evening.chat.reactions[stop.id] == ["🤫"]
    assert evening.world.turns(evening.session).active == 0


async def test_who_is_blocked_may_only_look(evening: Evening):
    await evening.joins()
    await evening.says(f"!miku settings blocked <@{BERT.id}>", by=BOSS)
    message = await evening.says("hello", by=BERT)
    await evening.says("!miku stop", by=BERT)
    assert evening.chat.reactions[message.id] == ["🚫"]
    assert evening.texts[-1].startswith("❌ That is for listeners")
    assert evening.world.prompts == []


# --- settings, help, queue, status ---------------------------------------------------------------


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
    assert [button.command for button in panel.post.buttons] == ["stop", "leave", "voice-status"]
    await evening.pass_ms(20_000)
    assert panel.edits == []
    await evening.says("hello")
    await evening.pass_ms(6_000)
    assert "State: thinking" in panel.post.text
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.IDLE)
    await evening.pass_ms(1_000)
    assert (panel.post.text, panel.post.buttons) == ("No active voice session", ())
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


# --- when something fails ------------------------------------------------------------------------


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


# --- her voice in Discord ------------------------------------------------------------------------


async def test_a_kick_ends_the_session_and_is_told(evening: Evening):
    session = await evening.joins()
    evening.chat.leaves(MIKU)
    await evening.settle()
    assert evening.link(session).code == "voice_kicked"
    await evening.world.sink(session, Phase.IDLE, reason="voice_kicked")
    await evening.settle()
    assert evening.texts[-1] == f"❌ {sentence('voice_kicked')}"
    await evening.pass_ms(10_000)
    assert evening.place == 0


async def test_a_move_is_followed_and_outlives_a_restart(evenings: Evenings):
    async with evenings.begin() as evening:
        session = await evening.joins()
        revision = evening.intent.revision
        evening.chat.enters(MIKU, STAGE)
        await evening.settle()
        assert evening.link(session).channel_id == evening.intent.voice_channel_id == STAGE
        assert evening.intent.revision == revision
        levels = [(t, level, s) for (t, s), level in evening.world.levels.items() if "session" in t]
    evening.chat.voice_asks.clear()
    async with evenings.begin(*levels) as evening:
        assert evening.chat.voice_asks == [(HOME, STAGE)]


async def test_dead_credentials_are_renewed_by_leaving_and_joining(evening: Evening):
    session = await evening.joins()
    old = evening.link(session)
    evening.chat.voice_asks.clear()
    await evening.world.sink(session, Phase.ACTIVE, link_revision=1)
    await evening.settle()
    new = evening.link(session)
    assert evening.chat.voice_asks == [(HOME, 0), (HOME, LOUNGE)]
    assert (new.link_revision, new.code, new.channel_id) == (1, "", LOUNGE)
    assert new.token != old.token
    assert evening.intent.wanted


async def test_a_ghost_of_an_earlier_life_is_put_out(evenings: Evenings):
    async with evenings.begin() as evening:
        evening.chat.enters(MIKU, LOUNGE)
        await evening.pass_ms(6_000)
        assert evening.place == 0


async def test_after_a_new_gateway_session_she_joins_again(evening: Evening):
    session = await evening.joins()
    old = evening.link(session)
    evening.chat.comes_online()
    await evening.settle()
    assert evening.place == LOUNGE
    assert evening.link(session).token != old.token


async def test_never_more_than_five_joins_a_minute(evening: Evening):
    session = await evening.joins()
    for revision in range(1, 8):
        await evening.world.sink(session, Phase.ACTIVE, link_revision=revision)
        await evening.settle()
    assert [channel for _, channel in evening.chat.voice_asks].count(LOUNGE) == 5
    assert evening.link(session).code == "voice_rate_limited"


async def test_a_session_in_discord_does_not_go_on_without_a_chat(evenings: Evenings):
    async with evenings.begin() as evening:
        session = await evening.joins()
        levels = [(t, level, s) for (t, s), level in evening.world.levels.items() if SINK in t]
    evenings.lives.make_side = lambda node: None
    async with evenings.lives.begin(*levels) as world:
        assert not world.intent(session).wanted
