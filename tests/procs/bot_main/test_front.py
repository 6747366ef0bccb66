"""The front as people in a Discord server meet it: she is called, moved and sent away."""

import pytest

from bus.errors import sentence
from bus.messages import NodeState, Phase, RequestKind
from procs.bot_main.core.chat import Post, VoiceRoom
from tests.procs.bot_main.evening import JOINED, Evening, Evenings
from tests.procs.bot_main.hand_chat import (
    ANNA,
    BERT,
    BOSS,
    CELLAR,
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


# --- calling her -----------------------------------------------------------------------------------


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


async def test_to_her_a_call_needs_no_prefix_and_talk_stays_talk(evening: Evening):
    await evening.says("join #lounge", is_addressed=True)
    assert evening.intent.voice_channel_id == LOUNGE
    talk = await evening.says("help me with my homework", is_addressed=True, channel_id=SECRET)
    assert evening.house.offered == [talk]


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
        "❌ She may not connect to or speak in that voice channel. Give her role Connect there.",
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


# --- leaving ---------------------------------------------------------------------------------------


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


# --- her voice in Discord --------------------------------------------------------------------------


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


# --- what the answer to a call says ------------------------------------------------------------------

ATTIC = 23


async def test_of_two_calls_while_a_session_ends_one_is_told_that_she_is_elsewhere(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("procs.bot_main.desk.RETRY_S", 0.005)
    evening.chat.rooms[ATTIC] = VoiceRoom(ATTIC, "Attic", False, (), 0, 0, 0)
    session = await evening.joins()
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.STOPPING)
    said = {
        "Lounge": await evening.says("!miku join #lounge"),
        "Attic": await evening.says("!miku join #attic", by=BERT),
    }
    assert evening.intent.wanted is False, "both wait"
    await evening.world.sink(session, Phase.IDLE)
    await until(lambda: evening.session != session)
    await evening.world.sink(evening.session, Phase.ACTIVE)
    await until(lambda: len(evening.texts) == 4)
    answers = {one.post.reply_to: one.post.text for one in evening.chat.posted}
    is_in = evening.chat.channel_name(evening.intent.voice_channel_id)
    for name, message in said.items():
        joined = f"🎤 Joined {name}! Send messages here to make me speak."
        already = "❌ Already in a voice session! Use `!miku leave` first."
        assert answers[message.id] == (joined if name == is_in else already)


async def test_the_answer_names_the_channel_that_takes_prompts(evening: Evening):
    evening.chat.writable.append(SECRET)
    await evening.says("!miku settings prompt_channel #secret", by=BOSS)
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    await evening.world.sink(evening.session, Phase.ACTIVE)
    await evening.settle()
    assert evening.texts[-1] == f"🎤 Joined Lounge! Send messages in <#{SECRET}> to make me speak."
    await evening.says("hello", channel_id=SECRET)
    assert len(evening.world.prompts) == 1


async def test_a_prompt_channel_that_was_deleted_is_the_one_of_the_call_again(evening: Evening):
    evening.chat.writable.append(SECRET)
    await evening.says("!miku settings prompt_channel #secret", by=BOSS)
    evening.chat.writable.remove(SECRET)
    del evening.chat.channels[SECRET]
    await evening.joins()
    await evening.says("hello")
    assert len(evening.world.prompts) == 1
    evening.chat.guilds.remove(HOME)
    assert evening.world.app._front._voice.prompt_channel(evening.world.app._sessions.all[0]) == SECRET, (
        "what can't be seen in an outage is not gone"
    )
