"""bot_main when it is started again: what goes on, and what is not undone."""

import dataclasses

import pytest

from bus.messages import Phase, RequestKind
from tests.procs.bot_main.world import Lives, World

pytestmark = pytest.mark.unit


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
        assert after.told(0) == ["Ann: one", "Listen to this.", "Ben: two"]


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
        assert after.told(-1) == ["Ann: one", "Done already.", "Ann: two"]
