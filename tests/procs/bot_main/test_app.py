"""bot_main as people and the other processes meet it: joining and leaving."""

import dataclasses

import pytest

from bus.messages import NodeState, Phase, Request, RequestKind, TurnKind
from tests.procs.bot_main.world import SINK, Lives, World

pytestmark = pytest.mark.unit

ACCEPTED, CUT, FAILED = TurnKind.ACCEPTED, TurnKind.CUT, TurnKind.FAILED


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
    assert world.intent(session).reason == "session_idle"


async def test_a_session_that_somebody_ends_has_no_reason(world: World):
    session = await world.join()
    await world.ask(RequestKind.LEAVE)
    assert not world.intent(session).wanted
    assert world.intent(session).reason == ""


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
