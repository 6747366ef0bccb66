"""bot_main as people and the other processes meet it: joining, prompts, stopping, leaving, failures."""

import dataclasses

import pytest

from bus.messages import NodeState, Phase, Request, RequestKind, TurnKind
from procs.bot_main.core.prompts import INTERRUPTED
from tests.procs.bot_main.world import MS_PER_CHARACTER, SINK, Lives, World

pytestmark = pytest.mark.unit

ACCEPTED, DONE, CUT, FAILED = TurnKind.ACCEPTED, TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED


def said(world: World, index: int) -> list[str]:
    """What the model was told in the given prompt, without the persona."""
    return [message.content for message in world.prompts[index][1].messages[1:]]


# --- joining and leaving -------------------------------------------------------------------------


async def test_a_join_wants_a_session_and_is_answered_when_the_sink_begins(world: World):
    assert await world.ask(RequestKind.JOIN, request="j") is None
    (session,) = world.sessions
    intent = world.intent(session)
    assert (intent.wanted, intent.sink, intent.revision, intent.requested_by) == (True, SINK, 1, "Ann")
    assert world.turns(session).floor == intent.since_ms == world.wall_ms
    await world.sink(session, Phase.STARTING)
    (answer,) = world.answers
    assert (answer.id, answer.accepted, answer.session) == ("j", True, session)


async def test_a_join_is_answered_in_time_even_if_the_sink_takes_its_own(world: World):
    await world.ask(RequestKind.JOIN, request="j")
    await world.pass_ms(2_000)
    (answer,) = world.answers
    assert answer.accepted


async def test_joining_again_means_the_same_session(world: World):
    session = await world.join()
    again = await world.ask(RequestKind.JOIN, session="another that was")
    assert again is not None
    assert (again.accepted, again.session) == (True, session)
    assert world.sessions == [session]


async def test_a_session_of_ones_own_is_opened_once_however_often_it_is_asked_for(lives: Lives):
    lives.session = dataclasses.replace(lives.session, max_sessions=3)
    async with lives.begin() as world:
        shared = await world.join()
        for _ in range(3):
            await world.node.deliver("flow.request", Request("mine", RequestKind.JOIN, own=True), src="cli")
            await world.settle()
        own = next(session for session in world.sessions if session != shared)
        await world.sink(own, Phase.STARTING)
        await world.node.deliver("flow.request", Request("mine", RequestKind.JOIN, own=True), src="cli")
        await world.settle()
        assert world.sessions == [shared, own]
        assert [answer.session for answer in world.answers if answer.id == "mine"] == [own, own]


async def test_health_names_the_persona(world: World):
    assert (world.node.health.state, world.node.health.facts) == (
        NodeState.READY,
        {"persona": "built-in", "discord": "not configured"},
    )


async def test_a_refusal_of_the_sink_is_the_answer_and_the_intent_is_withdrawn(world: World):
    await world.ask(RequestKind.JOIN)
    (session,) = world.sessions
    await world.sink(session, Phase.IDLE, refusal="session_not_ready")
    (answer,) = world.answers
    assert (answer.accepted, answer.code) == (False, "session_not_ready")
    assert (world.intent(session).wanted, world.intent(session).revision) == (False, 2)


async def test_a_sink_that_never_speaks_is_not_waited_for_for_ever(world: World):
    await world.ask(RequestKind.JOIN)
    (session,) = world.sessions
    answer = await world.prompt()
    await world.pass_ms(12_000)
    assert not world.intent(session).wanted
    assert world.milestones(answer.turn) == [(FAILED, "session_start_timeout")]


async def test_leaving_kills_what_is_said_and_withdraws_the_intent(world: World):
    session = await world.join()
    turn = (await world.prompt()).turn
    answer = await world.ask(RequestKind.LEAVE)
    assert answer is not None
    assert answer.accepted
    assert world.turns(session).floor > turn
    assert not world.intent(session).wanted
    assert world.milestones(turn) == [(ACCEPTED, ""), (CUT, "")]
    refused = await world.prompt()
    assert refused.code == "session_none"


async def test_a_session_that_was_left_is_forgotten_once_that_is_known(world: World):
    session = await world.join()
    await world.ask(RequestKind.LEAVE)
    assert session in world.store.records
    await world.sink(session, Phase.IDLE)
    await world.pass_ms(12_000)
    assert world.sessions == []
    assert world.store.records == {}


async def test_a_join_right_after_leaving_waits_for_the_place(world: World):
    old = await world.join()
    await world.ask(RequestKind.LEAVE)
    await world.sink(old, Phase.STOPPING)
    assert await world.ask(RequestKind.JOIN, request="again") is None
    assert world.sessions == [old]
    await world.sink(old, Phase.IDLE)
    await world.ask(RequestKind.JOIN, request="again")
    new = world.sessions[-1]
    assert new != old
    await world.sink(new, Phase.STARTING)
    assert world.answers[-1].session == new


async def test_a_session_without_prompts_ends(world: World):
    session = await world.join()
    await world.pass_ms(60_000)
    turn = (await world.prompt()).turn
    await world.speak(session, turn, "Hi!")
    await world.pass_ms(119_000)
    assert world.intent(session).wanted
    await world.pass_ms(2_000)
    assert not world.intent(session).wanted


async def test_a_session_ends_by_the_sink_with_its_reason_for_those_who_wait(world: World):
    session = await world.join()
    first, second = await world.prompt(), await world.prompt()
    await world.sink(session, Phase.STOPPING, reason="sink_failed")
    await world.sink(session, Phase.IDLE, reason="sink_failed")
    assert world.milestones(first.turn)[-1] == (FAILED, "sink_failed")
    assert world.milestones(second.turn) == [(FAILED, "sink_failed")]
    assert not world.intent(session).wanted


async def test_a_sink_that_left_because_bot_main_was_away_is_wanted_back(world: World):
    session = await world.join()
    await world.sink(session, Phase.IDLE, reason="bot_unreachable")
    assert world.intent(session).wanted


# --- prompts -------------------------------------------------------------------------------------


async def test_a_prompt_is_handed_over_with_persona_and_speaker(world: World):
    session = await world.join()
    answer = await world.prompt("how are you?", user="Ben")
    assert (answer.accepted, answer.session, answer.waiting) == (True, session, 0)
    ((turn, prompt),) = world.prompts
    assert turn == answer.turn == world.turns(session).active
    assert prompt.messages[0].role == "system"
    assert said(world, 0) == ["Ben: how are you?"]
    assert world.milestones(turn) == [(ACCEPTED, "")]


async def test_people_without_a_name_are_given_one(world: World):
    await world.join()
    await world.prompt("hi", user="")
    assert said(world, 0) == ["User: hi"]


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
    assert said(world, 1) == ["Ann: one", "I hear one.", "Ben: two"]
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
    assert said(world, -1)[-3:] == ["Ann: question 38", "answer 38", "Ann: question 39"]


# --- interruptions -------------------------------------------------------------------------------


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
    assert said(world, -1) == ["Ann: one", f"Let me tell {INTERRUPTED}", "Ann: three"]


async def test_of_a_reply_that_was_stopped_before_its_first_sound_nothing_is_remembered(world: World):
    session = await world.join()
    first = await world.prompt("one")
    await world.reply(session, first.turn, "Let me tell you", complete=False)
    await world.ask(RequestKind.STOP)
    await world.prompt("two")
    assert said(world, -1) == ["Ann: one\nAnn: two"]


async def test_a_stop_in_silence_does_no_harm(world: World):
    session = await world.join()
    await world.ask(RequestKind.STOP)
    turn = (await world.prompt()).turn
    assert turn >= world.turns(session).floor
    assert [t for t, _ in world.prompts] == [turn]


# --- failures ------------------------------------------------------------------------------------


async def test_after_a_failure_of_the_model_the_next_prompt_is_answered(world: World):
    session = await world.join()
    first, second = await world.prompt("one"), await world.prompt("two")
    await world.fails("llm_streamer", session, first.turn, "llm_failed")
    assert world.milestones(first.turn)[-1] == (FAILED, "llm_failed")
    assert first.turn < world.turns(session).floor <= second.turn
    assert said(world, -1) == ["Ann: two"]


async def test_a_reply_without_a_voice_is_remembered_as_the_text_it_was_shown_as(world: World):
    session = await world.join()
    first = await world.prompt("one")
    await world.fails("tts_bridge", session, first.turn, "tts_unreachable")
    await world.reply(session, first.turn, "I can only write.")
    await world.played(session, 0, 0, finished_turn=first.turn)
    assert world.milestones(first.turn)[-1] == (FAILED, "tts_unreachable")
    await world.prompt("two")
    assert said(world, -1) == ["Ann: one", "I can only write.", "Ann: two"]


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


# --- restarts ------------------------------------------------------------------------------------


def levels(world: World, *topics: str) -> list[tuple[str, object, str]]:
    """What is still on the bus when bot_main starts again."""
    return [(t, level, session) for (t, session), level in world.levels.items() if t.startswith(topics)]


async def test_a_restart_in_mid_speech_lets_the_reply_end_and_keeps_the_conversation(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        first = await before.prompt("one", "Ann")
        second = await before.ask(RequestKind.PROMPT, "two", "Ben", request="again")
        await before.speak(session, first.turn, "Listen to this.", heard_ms=200)
        floor = before.turns(session).floor
        on_the_bus = levels(before, "control.session", "report")
    assert second is not None
    lives.clock.step_wall_ms(-3_600_000)
    async with lives.begin(*on_the_bus) as after:
        assert after.intent(session) == before.intent(session)
        assert (after.turns(session).floor, after.turns(session).active) == (floor, first.turn)
        repeated = await after.ask(RequestKind.PROMPT, "two", "Ben", request="again")
        third = await after.prompt("three")
        assert repeated is not None
        assert repeated.turn == second.turn < third.turn
        assert after.prompts == []
        await after.speak(session, first.turn, "Listen to this.")
        assert [turn for turn, _ in after.prompts] == [second.turn]
        assert said(after, 0) == ["Ann: one", "Listen to this.", "Ben: two"]


async def test_a_stop_is_not_undone_by_a_restart(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        await before.prompt()
        await before.ask(RequestKind.STOP)
        floor = before.turns(session).floor
        on_the_bus = levels(before, "control.session")
    async with lives.begin(*on_the_bus) as after:
        assert after.turns(session).floor == floor
        assert (await after.prompt()).turn >= floor


async def test_a_leave_is_not_undone_by_a_restart(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        await before.ask(RequestKind.LEAVE)
        on_the_bus = levels(before, "control.session")
    async with lives.begin(*on_the_bus) as after:
        assert not after.intent(session).wanted
        assert (await after.prompt()).code == "session_none"


async def test_after_a_cold_start_a_young_intent_stands_and_an_old_one_does_not(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        await before.pass_ms(30_000)
    lives.clock.advance_ms(49_000)
    async with lives.begin() as after:
        assert after.intent(session).wanted
        await after.app.stop()
    lives.clock.advance_ms(61_000)
    async with lives.begin() as after:
        assert after.sessions == []
        assert lives.store.records == {}


async def test_an_old_intent_stands_while_its_sink_holds_the_session(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        on_the_bus = levels(before, "control.session")
    lives.clock.advance_ms(600_000)
    async with lives.begin(*on_the_bus) as after:
        assert after.intent(session).wanted


async def test_without_its_memory_it_takes_the_session_from_the_sink_and_waits_for_its_turn(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        first = await before.prompt("one")
        await before.speak(session, first.turn, "Listen to this.", heard_ms=200)
        on_the_bus = levels(before, "control.session", "report")
        intent = before.intent(session)
    lives.store.records.clear()
    lives.clock.step_wall_ms(-3_600_000)
    async with lives.begin(*on_the_bus) as after:
        adopted = after.intent(session)
        assert dataclasses.replace(adopted, requested_by=intent.requested_by) == intent
        assert after.turns(session).floor <= first.turn
        second = await after.prompt("two")
        assert second.turn > first.turn
        assert after.prompts == []
        await after.speak(session, first.turn, "Listen to this.")
        assert [turn for turn, _ in after.prompts] == [second.turn]


async def test_a_turn_that_ended_during_the_restart_is_remembered(lives: Lives):
    async with lives.begin() as before:
        session = await before.join()
        first = await before.prompt("one")
        await before.speak(session, first.turn, "Done already.", heard_ms=200)
    async with lives.begin() as after:
        await after.sink(session, Phase.ACTIVE)
        await after.speak(session, first.turn, "Done already.")
        await after.prompt("two")
        assert said(after, -1) == ["Ann: one", "Done already.", "Ann: two"]
