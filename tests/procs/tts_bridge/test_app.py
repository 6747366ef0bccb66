import asyncio
import re
from collections.abc import AsyncIterator

import numpy as np
import pytest

from bus.errors import BackendError
from bus.messages import NodeState, Phase
from procs.tts_bridge import pieces, turn
from procs.tts_bridge.config import TtsSettings
from tests.procs.tts_bridge.stage import SESSION, SINK, TURN, Stage, until

pytestmark = pytest.mark.unit

OTHER = "20261120-173500-b2c3"
LONG = "A long sentence which takes a few seconds to say in full. " * 4


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        yield stage


@pytest.fixture
async def narrow() -> AsyncIterator[Stage]:
    async with Stage(settings=TtsSettings(window_ms=1_000)) as stage:
        yield stage


async def test_a_reply_becomes_frames_in_order_with_one_end(stage):
    await stage.reply("Hello the", "re. How ", "are you?")
    await stage.ended()
    frames = stage.frames()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [frame.final for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert stage.heard().spans == ["Hello there.", "How are you?"]
    assert stage.heard().n_slips == 0
    assert {frame.sentence for frame in frames} == {0, 1}


async def test_the_milestones_come_in_order(stage):
    await stage.reply("Hello there. Bye.")
    await stage.ended()
    assert stage.kinds() == ["received", "first_piece", "first_audio", "done"]


async def test_sentences_are_parted_by_a_pause(stage):
    await stage.reply("One of them. And another one. A third, too.")
    await stage.ended()
    gaps_ms = stage.heard().gaps_ms
    assert len(gaps_ms) == 2
    assert all(150 <= gap <= 350 for gap in gaps_ms)


async def test_marks_say_which_words_sound_when(stage):
    await stage.reply("Well **hello** there. ", "How are you?")
    await stage.ended()
    spoken = stage.node.states["report.spoken", SESSION]
    reply = "Well **hello** there. How are you?"
    assert spoken.complete
    words = [reply[mark.first_char : mark.end_char] for mark in spoken.marks]
    assert words == ["Well", "hello", "there.", "How", "are", "you?"]
    starts = [mark.start_ms for mark in spoken.marks]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] < spoken.duration_ms == len(stage.frames()) * 20


async def test_the_first_sentence_sounds_before_the_reply_is_complete(stage):
    await stage.token(0, "Hello there. And ")
    await until(lambda: "first_audio" in stage.kinds())
    assert stage.voice.asked == ["Hello there."]
    await stage.token(1, "so on.", final=True)
    await stage.ended()
    assert "".join(stage.heard().spans) == "Hello there.And so on."


async def test_an_early_clause_does_not_keep_its_last_samples(stage):
    await stage.token(0, "Once upon a time, ")
    await until(lambda: stage.heard().text == "Once upon a time,")
    assert stage.voice.asked == ["Once upon a time,"]


async def test_sessions_speak_at_once(stage):
    gate = asyncio.Event()
    stage.voice.before_sound = lambda piece: gate.wait() if "first" in piece.text else asyncio.sleep(0)
    await stage.begin(OTHER)
    await stage.reply("The first one waits.")
    await stage.reply("The other speaks.", session=OTHER)
    await stage.ended(session=OTHER)
    assert stage.frames() == []
    gate.set()
    await stage.ended()
    assert stage.heard().text == "The first one waits."


async def test_turns_of_a_session_speak_one_after_the_other(stage):
    gate = asyncio.Event()
    stage.voice.before_sound = lambda piece: gate.wait()
    await stage.reply("The first turn.")
    await stage.reply("The second turn.", turn=TURN + 1)
    await until(lambda: "received" in stage.kinds(TURN + 1))
    assert stage.voice.asked == ["The first turn."]
    gate.set()
    await stage.ended(TURN + 1)
    turns = [t for _, _, _, t in stage.node.pushed]
    assert turns == sorted(turns)
    assert stage.heard(TURN + 1).text == "The second turn."


async def test_no_more_is_sent_than_the_window_allows(narrow):
    await narrow.reply(LONG)
    await until(lambda: len(narrow.frames()) == 50)
    await narrow.played(300)
    await until(lambda: len(narrow.frames()) == 65)
    await narrow.played(700)
    await until(lambda: len(narrow.frames()) == 85)
    assert narrow.kinds() == ["received", "first_piece", "first_audio"]


async def test_a_sink_that_starts_anew_gets_the_rest(narrow):
    await narrow.reply(LONG)
    await until(lambda: len(narrow.frames()) == 50)
    await narrow.played(500, sent=25)
    await until(lambda: len(narrow.frames()) == 75)
    await narrow.played(0, turn=0, sent=0)
    await until(lambda: len(narrow.frames()) >= 125)
    assert len(narrow.frames()) == 125


async def test_a_sink_that_plays_nothing_is_given_up(narrow, monkeypatch):
    monkeypatch.setattr(turn, "PLAYOUT_PATIENCE_S", 0.05)
    await narrow.reply(LONG)
    await narrow.ended()
    assert narrow.events()[-1].code == "peer_stalled"


async def test_a_sink_that_takes_nothing_is_given_up(stage):
    stage.node.stalled.add(f"flow.audio.{SINK}")
    await stage.reply("Nobody takes this.")
    await stage.ended()
    assert stage.events()[-1].code == "peer_stalled"


async def test_a_voice_that_fails_ends_the_turn_with_its_code(stage):
    stage.voice.failures[1] = BackendError("tts_stalled", "no sound for 5 s")
    await stage.reply("This is heard. This only half. This never.")
    await stage.ended()
    assert (stage.events()[-1].kind, stage.events()[-1].code) == ("failed", "tts_stalled")
    assert stage.heard().text.startswith("This is heard.This on")
    await until(lambda: stage.frames()[-1].final)
    assert not stage.node.states["report.spoken", SESSION].complete
    await stage.reply("The next turn speaks.", turn=TURN + 1)
    await stage.ended(TURN + 1)
    assert stage.heard(TURN + 1).text == "The next turn speaks."


async def test_a_mistake_of_ours_ends_only_its_turn(stage):
    stage.voice.failures[0] = ZeroDivisionError("secret words")
    await stage.reply("Secret words of a reply.")
    await stage.ended()
    assert stage.events()[-1].code == "tts_failed"
    await until(lambda: stage.frames()[-1].final)
    assert "ecret words" not in str(stage.node.log.lines) + str(stage.events()) + str(stage.node.health)
    await stage.reply("All is well.", turn=TURN + 1)
    await stage.ended(TURN + 1)
    assert stage.heard(TURN + 1).text == "All is well."


async def test_a_voice_without_sound_is_a_failure(stage):
    stage.voice.mute = True
    await stage.reply("Silence.")
    await stage.ended()
    assert stage.events()[-1].code == "tts_failed"


async def test_a_reply_without_words_just_ends(stage):
    await stage.reply("😀")
    await stage.ended()
    assert stage.kinds() == ["received", "done"]
    assert [(frame.pcm, frame.final) for frame in stage.frames()] == [(b"", True)]


async def test_a_reply_that_failed_says_what_came_before(stage):
    await stage.token(0, "It was a dark and ")
    await stage.token(1, "", final=True, finish_reason="llm_failed")
    await stage.ended()
    assert stage.heard().text == "It was a dark and"
    assert stage.kinds()[-1] == "done"


async def test_a_barge_in_cuts_the_turn_at_once(narrow):
    await narrow.reply(LONG)
    await until(lambda: len(narrow.frames()) == 50)
    await narrow.raise_floor(TURN + 1)
    await narrow.ended()
    assert narrow.kinds()[-1] == "cut"
    assert len(narrow.frames()) == 50
    assert narrow.voice.n_open == 0
    spoken = narrow.node.states["report.spoken", SESSION]
    assert not spoken.complete
    assert LONG[: spoken.marks[-1].end_char].startswith("A long sentence")
    await narrow.reply("After the cut.", turn=TURN + 2)
    await narrow.ended(TURN + 2)
    assert narrow.heard(TURN + 2).text == "After the cut."


async def test_a_turn_that_waits_for_its_turn_is_cut_too(stage):
    stage.voice.before_sound = lambda piece: asyncio.Event().wait()
    await stage.reply("The first turn.")
    await stage.reply("The second turn.", turn=TURN + 1)
    await until(lambda: "received" in stage.kinds(TURN + 1))
    await stage.raise_floor(TURN + 2)
    await stage.ended(TURN + 1)
    assert stage.kinds(TURN + 1) == ["received", "cut"]


async def test_the_end_of_a_session_cuts_its_turn_and_leaves_nothing(narrow):
    await narrow.reply(LONG)
    await until(lambda: len(narrow.frames()) == 50 and narrow.node.states)
    await narrow.begin(phase=Phase.IDLE)
    await narrow.ended()
    assert narrow.kinds()[-1] == "cut"
    assert narrow.node.states == {}


async def test_the_next_turns_tokens_end_a_reply_whose_end_got_lost(stage):
    await stage.token(0, "No end comes")
    await stage.reply("The next reply.", turn=TURN + 1)
    await stage.ended(TURN + 1)
    assert stage.heard().text == "No end comes"
    assert stage.frames()[-1].final
    assert stage.heard(TURN + 1).text == "The next reply."


async def test_a_reply_whose_streamer_is_gone_ends_after_a_while(stage, monkeypatch):
    monkeypatch.setattr(pieces, "TOKEN_PATIENCE_S", 0.05)
    await stage.token(0, "Half a reply. ")
    await stage.ended()
    assert stage.heard().text == "Half a reply."


async def test_a_reply_joined_in_its_middle_is_ended_for_the_sink(stage):
    await stage.played(480)
    await stage.token(7, "of a sentence. Next one.")
    await stage.ended()
    assert stage.events()[-1].code == "peer_lost"
    await until(stage.frames)
    assert [(frame.index, frame.pcm, frame.final) for frame in stage.frames()] == [(24, b"", True)]


async def test_late_tokens_of_an_older_turn_are_not_spoken(stage):
    await stage.reply("The newer turn.", turn=TURN + 1)
    await stage.token(0, "An older one.")
    await stage.ended(TURN + 1)
    assert stage.frames() == []


async def test_health_says_what_the_voice_is():
    stage = Stage()
    stage.voice.missing = BackendError("tts_unreachable", "nobody at port 9")
    async with stage:
        await until(lambda: stage.node.health.state is NodeState.DEGRADED)
        assert stage.node.health.code == "tts_unreachable"
        stage.voice.missing = None
        await until(lambda: stage.node.health.state is NodeState.READY)
        assert stage.node.health.facts == {"backend": "embedded", "voice": "tone"}
        assert stage.node.health.code == ""
    assert stage.voice.n_closed == 1


async def test_a_turn_waits_while_the_voice_warms_up():
    stage = Stage()
    stage.voice.missing = BackendError("tts_loading", "warming up")
    async with stage:
        await until(lambda: stage.node.health.code == "tts_loading")
        assert stage.node.health.state is NodeState.LOADING
        await stage.reply("Said when warm.")
        await until(lambda: stage.kinds() == ["received"])
        stage.voice.missing = None
        await stage.ended()
        assert stage.heard().text == "Said when warm."


async def test_a_voice_that_never_gets_warm_is_missing():
    stage = Stage()
    stage.voice.missing = BackendError("tts_loading", "warming up")
    async with stage:
        await until(lambda: stage.node.health.state is NodeState.LOADING)
        stage.node.fake_clock.advance_ms(2_000)
        await stage.begin()
        stage.node.fake_clock.advance_ms(2_000)
        await stage.begin()
        assert stage.node.health.state is NodeState.LOADING
        stage.node.fake_clock.advance_ms(60_000)
        await until(lambda: stage.node.health.state is NodeState.DEGRADED)
        assert stage.node.health.code == "tts_loading"


async def test_a_failed_turn_makes_health_look_at_once(stage):
    await until(lambda: stage.node.health.state is NodeState.READY)
    stage.voice.missing = BackendError("tts_unreachable", "gone")
    stage.voice.failures[0] = BackendError("tts_failed", "gone")
    await stage.reply("Fails.")
    await until(lambda: stage.node.health.state is NodeState.DEGRADED)


async def test_mended_samples_are_told_to_the_operator(stage):
    say = stage.voice.voice.say
    stage.voice.voice.say = lambda text: np.where(
        np.arange(len(say(text))) % 1_000 == 7, np.nan, 3 * say(text)
    )
    await stage.reply("Broken sound.")
    await stage.ended()
    assert re.fullmatch(r"\d+ samples not finite, \d+ samples clipped", stage.events()[-1].detail)


async def test_a_newcomer_is_heard_before_a_long_turn_is_made_to_its_end(stage):
    await stage.begin(OTHER)
    await stage.reply(LONG)
    await until(lambda: len(stage.frames()) > 40)
    await stage.reply("Hello there.", session=OTHER)
    await stage.ended(session=OTHER)
    assert stage.kinds() == ["received", "first_piece", "first_audio"]
    await stage.ended()
    assert stage.heard().n_slips == 0


async def test_stopping_ends_the_turns_and_lets_the_voice_go():
    async with Stage(settings=TtsSettings(window_ms=1_000)) as stage:
        await stage.reply(LONG)
        await until(lambda: len(stage.frames()) == 50)
    assert (stage.voice.n_open, stage.voice.n_closed) == (0, 1)


async def test_speech_ends_with_the_sentence_that_reaches_its_limit(stage):
    await stage.limit_speech(1_000)
    await stage.reply("One. ", "The second sentence takes us far beyond the limit. ", "Unheard.")
    await stage.ended()
    spoken = stage.node.states["report.spoken", SESSION]
    assert stage.heard().text == "One.The second sentence takes us far beyond the limit."
    assert (spoken.complete, spoken.is_shortened) == (True, True)
    assert stage.frames()[-1].final
    assert stage.kinds()[-1] == "done"


async def test_what_just_fits_is_not_called_shortened(stage):
    await stage.limit_speech(1_000)
    await stage.reply("This alone is more than a second of speech.")
    await stage.ended()
    assert not stage.node.states["report.spoken", SESSION].is_shortened


async def test_a_limit_holds_as_soon_as_it_is_set(stage):
    await stage.token(0, "This is quite a long sentence to begin with. ")
    await until(lambda: "first_audio" in stage.kinds())
    await stage.limit_speech(1_000)
    await stage.token(1, "And this is not said any more.", final=True)
    await stage.ended()
    assert stage.heard().text == "This is quite a long sentence to begin with."
    await stage.limit_speech(0)
    await stage.reply("One again. And two. And three more.", turn=TURN + 1)
    await stage.ended(TURN + 1)
    assert not stage.node.states["report.spoken", SESSION].is_shortened
