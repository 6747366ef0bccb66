"""When a turn is over, how it ended, and what people have got of it."""

import dataclasses

import pytest

from bus.messages import Mark, PlayoutState, ReplyState, SpokenState, TurnKind
from procs.bot_main.core.running import (
    AFTER_FAILURE_MS,
    HAND_OVER,
    MODEL,
    VOICE,
    Asked,
    Outcome,
    Patience,
    Running,
    Traces,
)

pytestmark = pytest.mark.unit

TURN = 1_000
PATIENCE = Patience(first_token_ms=70_000, progress_ms=25_000, turn_ms=600_000)
SINK = "discord_voice"

WRITING = ReplyState(TURN, "Hello there", complete=False)
WRITTEN = ReplyState(TURN, "Hello there my friend.", complete=True, finish_reason="stop")
MARKS = (Mark(0, 0, 5), Mark(500, 6, 11), Mark(1_000, 12, 14), Mark(1_200, 15, 22))
SPOKEN = SpokenState(TURN, duration_ms=1_600, complete=True, marks=MARKS)


def playout(played_ms: int, finished_turn: int = 0, turn: int = TURN) -> PlayoutState:
    return PlayoutState(turn=turn, played_ms=played_ms, buffered_ms=0, finished_turn=finished_turn)


PLAYED = Traces(WRITTEN, SPOKEN, playout(1_600, finished_turn=TURN), model_pid=10, voice_pid=20)
PLAYING = dataclasses.replace(PLAYED, playout=playout(700))

DONE = Outcome(TurnKind.DONE)
CUT = Outcome(TurnKind.CUT)


def failed(code: str) -> Outcome:
    return Outcome(TurnKind.FAILED, code)


@pytest.fixture
def running() -> Running:
    return Running(Asked(TURN, user="Ann", text="hi"), PATIENCE, now_ms=0)


def test_a_turn_is_done_when_it_was_played_to_its_end(running: Running):
    running.observe(PLAYING, 1_000)
    assert running.outcome(1_000) is None
    running.observe(PLAYED, 2_000)
    assert running.outcome(2_000) == DONE
    assert running.received_text(DONE) == WRITTEN.text


def test_a_turn_that_the_sink_gave_up_has_failed_even_if_its_event_is_lost(running: Running):
    given_up = dataclasses.replace(playout(700, finished_turn=TURN), code="voice_interrupted")
    running.observe(dataclasses.replace(PLAYED, playout=given_up), 2_000)
    assert running.outcome(2_000) == failed("voice_interrupted")
    assert running.received_text(failed("voice_interrupted")) == WRITTEN.text


def test_levels_of_other_turns_say_nothing(running: Running):
    others = Traces(
        dataclasses.replace(WRITTEN, turn=TURN - 1),
        dataclasses.replace(SPOKEN, turn=TURN - 1),
        playout(5_000, finished_turn=TURN - 1, turn=TURN - 1),
    )
    running.observe(others, 1_000)
    assert running.outcome(1_000) is None
    assert running.received_text(CUT) == ""


def test_of_a_cut_turn_people_have_what_they_heard(running: Running):
    running.observe(PLAYING, 1_000)
    assert running.received_text(CUT) == "Hello there"


def test_a_sink_may_take_back_what_its_client_did_not_hear(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(dataclasses.replace(PLAYING, playout=playout(100)), 1_100)
    assert running.received_text(CUT) == "Hello"


def test_what_was_seen_of_a_turn_outlives_its_levels(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(Traces(), 5_000)
    assert running.received_text(CUT) == "Hello there"


def test_a_model_that_never_begins_is_given_up(running: Running):
    assert running.outcome(70_000) is None
    assert running.outcome(70_001) == failed("turn_timeout")


def test_a_turn_that_stands_still_is_given_up(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(PLAYING, 26_000)
    assert running.outcome(26_000) is None
    assert running.outcome(26_001) == failed("turn_timeout")


def test_sound_that_moves_on_is_progress_and_counters_are_not(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(dataclasses.replace(PLAYING, playout=playout(720)), 20_000)
    assert running.outcome(44_000) is None
    nulled = dataclasses.replace(playout(720), nulled=99)
    running.observe(dataclasses.replace(PLAYING, playout=nulled), 44_000)
    assert running.outcome(45_001) == failed("turn_timeout")


def test_a_loading_backend_is_waited_for_but_not_for_ever(running: Running):
    for now_ms in range(0, 600_001, 10_000):
        running.observe(Traces(loading=True), now_ms)
        assert running.outcome(now_ms) is None
    running.observe(Traces(loading=True), 600_001)
    assert running.outcome(600_001) == failed("turn_timeout")


def test_a_model_that_fails_without_a_word_ends_the_turn_at_once(running: Running):
    running.fail(MODEL, "llm_unreachable")
    assert running.outcome(10) == failed("llm_unreachable")


def test_a_failure_whose_event_was_lost_is_read_from_the_reply(running: Running):
    running.observe(Traces(ReplyState(TURN, "", complete=True, finish_reason="llm_timeout")), 10)
    assert running.outcome(10) == failed("llm_timeout")


def test_what_a_failed_model_had_said_is_heard_to_its_end(running: Running):
    running.observe(dataclasses.replace(PLAYING, reply=WRITING), 1_000)
    running.fail(MODEL, "llm_failed")
    assert running.outcome(1_000) is None
    running.observe(dataclasses.replace(PLAYED, reply=WRITING), 2_000)
    assert running.outcome(2_000) == failed("llm_failed")


def test_after_a_failed_voice_the_reply_goes_on_as_text(running: Running):
    running.observe(Traces(WRITING, None, playout(0, finished_turn=TURN, turn=TURN - 1)), 1_000)
    running.fail(VOICE, "tts_unreachable")
    assert running.outcome(1_000) is None
    running.observe(Traces(WRITTEN, None, playout(0, finished_turn=TURN, turn=TURN - 1)), 2_000)
    assert running.outcome(2_000) == failed("tts_unreachable")
    assert running.received_text(failed("tts_unreachable")) == WRITTEN.text


def test_a_prompt_that_could_not_be_handed_over_fails_at_once(running: Running):
    running.fail(HAND_OVER, "peer_stalled")
    assert running.outcome(10) == failed("peer_stalled")
    assert running.received_text(failed("peer_stalled")) == ""


def test_a_sink_that_failed_ends_the_turn_when_the_text_is_complete(running: Running):
    running.observe(dataclasses.replace(PLAYING, reply=WRITING), 1_000)
    running.fail(SINK, "disk_full")
    assert running.outcome(1_000) is None
    running.observe(PLAYING, 1_100)
    assert running.outcome(1_100) == failed("disk_full")
    assert running.received_text(failed("disk_full")) == WRITTEN.text


def test_the_first_failure_names_the_code(running: Running):
    running.fail(VOICE, "tts_stalled")
    running.fail(SINK, "disk_full")
    running.observe(PLAYED, 10)
    assert running.outcome(10) == failed("tts_stalled")


@pytest.mark.parametrize(
    "killed",
    [
        dataclasses.replace(PLAYING, reply=None),
        dataclasses.replace(PLAYING, reply=WRITING, model_pid=11),
    ],
    ids=["its level ran out", "another process has its name"],
)
def test_a_model_process_that_dies_in_the_middle_is_noticed(running: Running, killed: Traces):
    running.observe(dataclasses.replace(PLAYING, reply=WRITING), 1_000)
    running.observe(killed, 1_500)
    assert running.outcome(1_000 + AFTER_FAILURE_MS) is None
    assert running.outcome(1_501 + AFTER_FAILURE_MS) == failed("peer_stalled")


def test_a_voice_process_that_dies_in_the_middle_is_noticed(running: Running):
    speaking = dataclasses.replace(PLAYING, spoken=dataclasses.replace(SPOKEN, complete=False))
    running.observe(speaking, 1_000)
    running.observe(dataclasses.replace(speaking, voice_pid=21), 1_500)
    assert running.outcome(1_001 + AFTER_FAILURE_MS) == failed("peer_stalled")


def test_processes_that_had_finished_their_part_may_restart(running: Running):
    running.observe(PLAYING, 1_000)
    restarted = Traces(None, None, playout(720), model_pid=11, voice_pid=21)
    running.observe(restarted, 1_200)
    assert running.outcome(10_000) is None
    running.observe(dataclasses.replace(restarted, playout=playout(1_600, TURN)), 10_000)
    assert running.outcome(10_000) == DONE


def test_a_model_process_that_restarts_before_its_first_word_is_not_waited_for_as_long(running: Running):
    running.observe(Traces(model_pid=10), 10)
    running.observe(Traces(model_pid=11), 1_000)
    assert running.outcome(25_000) is None
    assert running.outcome(25_001) == failed("turn_timeout")


def test_a_restarted_sink_may_go_on_with_the_rest(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(dataclasses.replace(PLAYING, playout=playout(0, turn=0)), 1_500)
    running.observe(dataclasses.replace(PLAYING, playout=playout(1_200)), 3_000)
    assert running.outcome(3_000 + AFTER_FAILURE_MS + 1) is None


def test_a_restarted_sink_that_has_lost_the_turn_ends_it(running: Running):
    running.observe(PLAYING, 1_000)
    running.observe(dataclasses.replace(PLAYING, playout=playout(0, turn=0)), 1_500)
    assert running.outcome(1_001 + AFTER_FAILURE_MS) == failed("sink_failed")


def test_a_turn_heard_to_its_end_whose_reply_is_gone_is_done_after_a_while(running: Running):
    running.observe(Traces(playout=playout(900, finished_turn=TURN)), 1_000)
    assert running.outcome(1_000) is None
    assert running.outcome(26_001) == DONE
