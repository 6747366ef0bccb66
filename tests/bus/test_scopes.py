import asyncio

import pytest

from bus.scopes import TurnScopes

pytestmark = pytest.mark.unit


class Living:
    """A set of living turns that a test changes."""

    def __init__(self, *turns: int) -> None:
        self.turns = set(turns)
        self.scopes = TurnScopes(lambda session, turn: turn in self.turns)

    def kill(self, turn: int) -> None:
        self.turns.discard(turn)
        self.scopes.sweep()


async def test_the_body_ends_when_its_turn_dies_and_the_scope_says_so():
    living = Living(1)
    reached = asyncio.Event()

    async def body() -> str:
        async with living.scopes.open("s", 1) as scope:
            reached.set()
            await asyncio.sleep(3600)
        return "cut" if scope.cancelled else "done"

    task = asyncio.create_task(body())
    await reached.wait()
    living.kill(1)
    assert await task == "cut"


async def test_a_body_that_ends_in_time_is_not_cancelled():
    living = Living(1)
    async with living.scopes.open("s", 1) as scope:
        await asyncio.sleep(0)
    living.kill(1)
    assert not scope.cancelled
    await asyncio.sleep(0)


async def test_a_turn_that_is_dead_already_gets_no_further_than_its_first_await():
    living = Living()
    steps = []
    async with living.scopes.open("s", 1) as scope:
        steps.append("before")
        await asyncio.sleep(0)
        steps.append("after")
    assert scope.cancelled
    assert steps == ["before"]


async def test_other_turns_go_on():
    living = Living(1, 2)
    done = asyncio.Event()

    async def body() -> bool:
        async with living.scopes.open("s", 2) as scope:
            await done.wait()
        return scope.cancelled

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    living.kill(1)
    done.set()
    assert await task is False


async def test_a_cancellation_from_outside_passes_through():
    living = Living(1)
    reached = asyncio.Event()

    async def body() -> None:
        async with living.scopes.open("s", 1):
            reached.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(body())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_both_cancellations_at_once_end_the_task():
    living = Living(1)
    reached = asyncio.Event()

    async def body() -> None:
        async with living.scopes.open("s", 1):
            reached.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(body())
    await reached.wait()
    living.kill(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_body_is_not_hidden_by_the_death_of_its_turn():
    living = Living(1)

    async def body() -> None:
        async with living.scopes.open("s", 1):
            living.kill(1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await body()
    await asyncio.sleep(0)


async def test_the_task_is_usable_after_its_scope_was_cut():
    living = Living()
    async with living.scopes.open("s", 1):
        await asyncio.sleep(3600)
    await asyncio.wait_for(asyncio.sleep(0), 1)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
