"""bot_main as people and the other processes meet it: prompts, stopping, failures."""

import pytest

from bus.messages import NodeState, Phase, RequestKind, TurnKind
from procs.bot_main.core.prompts import INTERRUPTED
from tests.procs.bot_main.world import MS_PER_CHARACTER, SINK, World

pytestmark = pytest.mark.unit

ACCEPTED, DONE, CUT, FAILED = TurnKind.ACCEPTED, TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED


async def test_a_prompt_is_handed_over_with_persona_and_speaker(world: World):
    session = await world.join()
    answer = await world.prompt("how are you?", user="Ben")
    assert (answer.accepted, answer.session, answer.waiting) == (True, session, 0)
    ((turn, prompt),) = world.prompts
    assert turn == answer.turn == world.turns(session).active
    assert prompt.messages[0].role == "system"
    assert world.told(0) == ["Ben: how are you?"]
    assert world.milestones(turn) == [(ACCEPTED, "")]


async def test_people_without_a_name_are_given_one(world: World):
    await world.join()
    await world.prompt("hi", user="")
    assert world.told(0) == ["User: hi"]


async def test_a_text_to_read_out_goes_past_the_model(world: World):
    await world.join()
    await world.ask(RequestKind.SPEAK, "Good evening.")
    ((_, prompt),) = world.prompts
    assert (prompt.verbatim, prompt.messages) == ("Good evening.", ())


async def test_a_prompt_waits_until_the_session_is_active(world: World):
    await world.ask(RequestKind.JOIN)
    (session,) = world.sessions
    await world.sink(session, Phase.STARTING)
    assert (await world.prompt()).accepted
    assert world.prompts == []
    await world.sink(session, Phase.ACTIVE)
    assert len(world.prompts) == 1


async def test_prompts_are_answered_one_after_the_other_and_know_what_was_said(world: World):
    session = await world.join()
    first, second = await world.prompt("one", "Ann"), await world.prompt("two", "Ben")
    assert second.waiting == 1
    await world.speak(session, first.turn, "I hear one.", heard_ms=100)
    assert len(world.prompts) == 1
    await world.speak(session, first.turn, "I hear one.")
    assert [turn for turn, _ in world.prompts] == [first.turn, second.turn]
    assert world.told(1) == ["Ann: one", "I hear one.", "Ben: two"]
    assert world.milestones(first.turn) == [(ACCEPTED, ""), (DONE, "")]


async def test_too_many_prompts_are_refused(world: World):
    await world.join()
    answers = [await world.prompt() for _ in range(10)]
    assert [a.code for a in answers] == [""] * 9 + ["busy"]
    assert [a.waiting for a in answers] == list(range(10))


async def test_a_repeated_request_is_answered_again_and_done_once(world: World):
    await world.join()
    answers = [await world.ask(RequestKind.PROMPT, "hi", request="same") for _ in range(3)]
    assert answers[0] is not None
    assert answers == [answers[0]] * 3
    assert len(world.prompts) == 1


async def test_sessions_are_answered_side_by_side(world: World):
    for session in ("one", "two"):
        await world.sink(session, Phase.ACTIVE)
    first, second = await world.prompt(session="one"), await world.prompt(session="two")
    assert (first.session, second.session) == ("one", "two")
    assert (first.waiting, second.waiting) == (0, 0)
    assert len(world.prompts) == 2


async def test_the_history_given_to_the_model_is_bounded(world: World):
    session = await world.join()
    for n in range(40):
        turn = (await world.prompt(f"question {n}")).turn
        await world.speak(session, turn, f"answer {n}")
    sizes = [len(prompt.messages) for _, prompt in world.prompts]
    assert max(sizes) == 18
    assert world.told(-1)[-3:] == ["Ann: question 38", "answer 38", "Ann: question 39"]


async def test_stop_kills_all_that_is_said_and_only_what_was_heard_is_remembered(world: World):
    session = await world.join()
    first, second = await world.prompt("one"), await world.prompt("two")
    text = "Let me tell you a very long story."
    await world.speak(session, first.turn, text, heard_ms=len("Let me tell") * MS_PER_CHARACTER)
    answer = await world.ask(RequestKind.STOP)
    assert answer is not None
    assert (answer.accepted, answer.session) == (True, session)
    assert world.turns(session).floor > second.turn > first.turn
    assert world.turns(session).active == 0
    assert world.milestones(first.turn)[-1] == world.milestones(second.turn)[-1] == (CUT, "")
    third = await world.prompt("three")
    assert third.turn >= world.turns(session).floor
    assert world.told(-1) == ["Ann: one", f"Let me tell {INTERRUPTED}", "Ann: three"]


async def test_of_a_reply_that_was_stopped_before_its_first_sound_nothing_is_remembered(world: World):
    session = await world.join()
    first = await world.prompt("one")
    await world.reply(session, first.turn, "Let me tell you", complete=False)
    await world.ask(RequestKind.STOP)
    await world.prompt("two")
    assert world.told(-1) == ["Ann: one\nAnn: two"]


async def test_a_stop_in_silence_does_no_harm(world: World):
    session = await world.join()
    await world.ask(RequestKind.STOP)
    turn = (await world.prompt()).turn
    assert turn >= world.turns(session).floor
    assert [t for t, _ in world.prompts] == [turn]


async def test_after_a_failure_of_the_model_the_next_prompt_is_answered(world: World):
    session = await world.join()
    first, second = await world.prompt("one"), await world.prompt("two")
    await world.fails("llm_streamer", session, first.turn, "llm_failed")
    assert world.milestones(first.turn)[-1] == (FAILED, "llm_failed")
    assert first.turn < world.turns(session).floor <= second.turn
    assert world.told(-1) == ["Ann: two"]


async def test_a_reply_without_a_voice_is_remembered_as_the_text_it_was_shown_as(world: World):
    session = await world.join()
    first = await world.prompt("one")
    await world.fails("tts_bridge", session, first.turn, "tts_unreachable")
    await world.reply(session, first.turn, "I can only write.")
    await world.played(session, 0, 0, finished_turn=first.turn)
    assert world.milestones(first.turn)[-1] == (FAILED, "tts_unreachable")
    await world.prompt("two")
    assert world.told(-1) == ["Ann: one", "I can only write.", "Ann: two"]


async def test_a_model_process_that_takes_nothing_fails_the_turn_and_not_the_next(world: World):
    session = await world.join()
    world.node.stalled.add("flow.prompt")
    first = await world.prompt()
    assert world.milestones(first.turn) == [(FAILED, "peer_stalled")]
    world.node.stalled.clear()
    second = await world.prompt()
    assert world.turns(session).active == second.turn


async def test_a_turn_that_nobody_answers_is_given_up(world: World):
    await world.join()
    first, second = await world.prompt(), await world.prompt()
    await world.pass_ms(71_000)
    assert world.milestones(first.turn)[-1] == (FAILED, "turn_timeout")
    assert [turn for turn, _ in world.prompts] == [first.turn, second.turn]


async def test_a_missing_model_is_told_at_once_and_a_loading_one_is_waited_for(world: World):
    await world.join()
    await world.health("llm_streamer", NodeState.DEGRADED, "llm_unreachable")
    assert (await world.prompt()).code == "llm_unreachable"
    await world.health("llm_streamer", NodeState.LOADING, "llm_loading")
    answer = await world.prompt()
    await world.pass_ms(200_000)
    assert world.milestones(answer.turn) == [(ACCEPTED, "")]


async def test_when_the_sink_is_lost_its_turn_fails_and_the_next_is_spoken_when_it_is_back(world: World):
    session = await world.join()
    first, second = await world.prompt(), await world.prompt()
    await world.silence(f"control.session.{SINK}", session)
    assert world.milestones(first.turn)[-1] == (FAILED, "sink_failed")
    assert world.intent(session).wanted
    assert len(world.prompts) == 1
    await world.sink(session, Phase.STARTING)
    await world.sink(session, Phase.ACTIVE)
    assert [turn for turn, _ in world.prompts] == [first.turn, second.turn]


async def test_prompts_do_not_wait_for_a_lost_sink_for_ever(world: World):
    session = await world.join()
    await world.silence(f"control.session.{SINK}", session)
    answer = await world.prompt()
    await world.pass_ms(12_000)
    assert world.milestones(answer.turn) == [(FAILED, "sink_failed")]
    assert world.intent(session).wanted


async def test_a_store_in_trouble_stops_nobody_and_is_told(world: World):
    session = await world.join()
    world.store.full = True
    first = await world.prompt("one")
    await world.speak(session, first.turn, "Fine.")
    assert (world.node.health.state, world.node.health.code) == (NodeState.READY, "store_failed")
    world.store.full = False
    await world.prompt("two")
    assert world.node.health.code == ""
    assert [m.content for m in world.store.records[session].history] == ["Ann: one", "Fine."]


async def test_logs_and_health_hold_nothing_that_was_said(world: World):
    session = await world.join()
    first = await world.prompt("canary-prompt", user="canary-user")
    await world.speak(session, first.turn, "canary-reply", heard_ms=100)
    await world.ask(RequestKind.STOP)
    await world.ask(RequestKind.LEAVE)
    assert "canary" not in repr((world.node.log.lines, world.node.health))
