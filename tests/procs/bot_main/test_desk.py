"""Who asks at the desk, and for how long."""

import asyncio
from collections.abc import Callable

import pytest

from bus.messages import Request, RequestAnswer, RequestKind
from procs.bot_main import desk as desk_module
from procs.bot_main.core.requests import ChatOrigin
from procs.bot_main.desk import Desk
from tests.procs.bot_main.world import World

pytestmark = pytest.mark.unit

WISH = Request("j1", RequestKind.STOP, sink="discord_voice")
HERE = ChatOrigin(guild_id=1)


@pytest.fixture
def stored(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What the disk has taken so long for that a test must call it."""
    held: list[Callable[[], None]] = []
    monkeypatch.setattr(world.app._ledger, "after", held.append)
    return held


@pytest.fixture
def desk(world: World) -> Desk:
    return world.app._desk


async def asked(desk: Desk, n: int) -> list["asyncio.Task[RequestAnswer]"]:
    tasks = [asyncio.create_task(desk.ask(WISH, HERE)) for _ in range(n)]
    await asyncio.sleep(0)
    return tasks


async def test_who_asks_the_same_gets_the_same_answer_also_if_another_one_gives_up(
    desk: Desk, stored: list[Callable[[], None]]
):
    first, second = await asked(desk, 2)
    first.cancel()
    await asyncio.sleep(0)
    (third,) = await asked(desk, 1)
    assert len(stored) == 1, "it is decided once"
    assert not second.done(), "nobody is told before it is stored"
    stored[0]()
    (fourth,) = await asked(desk, 1)
    answers = [await task for task in (second, third, fourth)]
    assert answers == [RequestAnswer("j1", False, code="session_none")] * 3


async def test_a_disk_that_hangs_does_not_make_her_deny_what_she_has_begun(
    desk: Desk, world: World, stored: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "PATIENCE_S", 0.02)
    (task,) = await asked(desk, 1)
    assert (await task).code == "session_none"
    stored[0]()
    assert world.answers == [await task], "who has gone is told over the bus, and nothing waits any more"
    assert desk._awaited == {}
