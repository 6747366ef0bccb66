import asyncio
from contextlib import asynccontextmanager

import pytest

from bus.errors import BackendError
from bus.messages import Phase, SessionState
from bus.settings import SessionSettings
from bus.testing import MemoryNode
from procs.bot_main import gate as gate_module
from procs.bot_main import gpu, voice
from procs.bot_main.backends import vram
from procs.bot_main.gate import SessionGate
from tests.waiting import until

pytestmark = pytest.mark.unit

READS = ("control.session.",)


class Door:
    """A gate at work, and a sink played by the test."""

    def __init__(self, *before) -> None:
        self.node = MemoryNode("bot_main", READS)
        self.gate = SessionGate(self.node, before)
        self.node.fake_clock.advance_ms(2_000)

    async def sink(self, phase: Phase, session: str = "s") -> None:
        state = SessionState("discord_voice", phase, 1, 1)
        await self.node.deliver("control.session.discord_voice", state, session)
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(*before):
    door = Door(*before)
    task = asyncio.create_task(door.gate.run())
    await asyncio.sleep(0)
    try:
        yield door
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gate_module, "TICK_S", 0.005)
    monkeypatch.setattr(gate_module, "LOOK_S", 0.001)


async def test_it_closes_with_the_level_and_opens_with_its_end():
    async with opened() as door:
        assert door.gate.is_open("vision")
        await door.sink(Phase.STARTING)
        assert not door.gate.is_open("vision")
        waiter = asyncio.create_task(door.gate.opened("vision"))
        await door.sink(Phase.IDLE)
        await until(waiter.done)


async def test_a_session_that_is_lost_opens_it_after_lease_and_grace():
    async with opened() as door:
        await door.sink(Phase.ACTIVE)
        door.node.lose("control.session.discord_voice")
        assert not door.gate.is_open("vision")
        door.node.fake_clock.advance_ms(3_000)
        assert door.gate.is_open("vision")


async def work(door: Door, feature: str, ended: list[str], release: asyncio.Event, **how: bool) -> None:
    async with door.gate.work(feature, **how) as allowed:
        if allowed:
            try:
                await release.wait()
                ended.append(f"{feature} finished")
            except asyncio.CancelledError:
                ended.append(f"{feature} cancelled")
                raise
    ended.append(f"{feature} goes on after its work")


async def test_work_is_cancelled_or_finished_as_its_row_says_and_the_session_waits_for_it():
    async with opened() as door:
        ended: list[str] = []
        release = asyncio.Event()
        tasks = [asyncio.create_task(work(door, each, ended, release)) for each in ("vision", "text_chat")]
        await asyncio.sleep(0)
        await door.sink(Phase.STARTING)
        await until(lambda: "vision cancelled" in ended)
        assert door.node.applied() == {}
        release.set()
        await until(lambda: door.node.applied() == {"s": 1})
        assert door.node.health.applied == {"s": 1}
        await asyncio.gather(*tasks)
        assert set(ended) == {
            "vision cancelled",
            "text_chat finished",
            "vision goes on after its work",
            "text_chat goes on after its work",
        }


async def test_work_that_does_not_end_holds_a_session_up_for_a_bounded_time_only(monkeypatch):
    monkeypatch.setattr(gate_module, "FINISH_S", 0.02)
    monkeypatch.setattr(gate_module, "CUT_S", 0.02)
    async with opened() as door:
        task = asyncio.create_task(work(door, "schedule", [], asyncio.Event()))
        await asyncio.sleep(0)
        await door.sink(Phase.STARTING)
        await until(lambda: door.node.applied() == {"s": 1})
        assert door.node.log.lines[-1][1:] == ("work goes on", {"features": "schedule"})
        task.cancel()


async def test_late_work_that_comes_again_is_cut_off_and_what_surrounds_it_goes_on(monkeypatch):
    monkeypatch.setattr(gate_module, "FINISH_S", 0.02)
    ended: list[str] = []

    async def answer(door: Door) -> None:
        async with door.gate.work("text_chat"):
            await work(door, "text_chat", ended, asyncio.Event(), comes_again=True)
            ended.append("the row is put back")

    async with opened() as door:
        task = asyncio.create_task(answer(door))
        await asyncio.sleep(0)
        await door.sink(Phase.STARTING)
        await until(lambda: door.node.applied() == {"s": 1})
        await task
        assert ended == ["text_chat cancelled", "text_chat goes on after its work", "the row is put back"]


async def test_no_card_is_freed_before_work_has_ended():
    release, freed = asyncio.Event(), []

    async def free(session: str) -> None:
        freed.append(session)

    async with opened(free) as door:
        ended: list[str] = []
        task = asyncio.create_task(work(door, "text_chat", ended, release))
        await asyncio.sleep(0)
        await door.sink(Phase.STARTING)
        await asyncio.sleep(0.02)
        assert (ended, freed) == ([], [])
        release.set()
        await until(lambda: door.node.applied() == {"s": 1})
        await task
        assert freed == ["s"]


async def test_a_cancellation_from_outside_passes_through():
    async with opened() as door:
        task = asyncio.create_task(work(door, "vision", [], asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def test_while_closed_no_work_begins():
    async with opened() as door:
        await door.sink(Phase.ACTIVE)
        async with door.gate.work("drawing") as allowed:
            assert not allowed


async def test_before_anything_is_known_of_sessions_nothing_is_told():
    door = Door()
    unknown = SessionGate(door.node)
    assert not unknown.may_begin("schedule")
    assert door.node.log.lines == []


@pytest.mark.parametrize("behaviour", ["returns", "raises", "hangs"])
async def test_what_comes_before_a_session_holds_it_up_for_a_bounded_time(behaviour, monkeypatch):
    monkeypatch.setattr(gate_module, "BEFORE_S", 0.05)
    seen: list[str] = []
    release = asyncio.Event()

    async def before(session: str) -> None:
        seen.append(session)
        if behaviour == "raises":
            raise BackendError("peer_lost")
        if behaviour == "hangs":
            await asyncio.Event().wait()
        await release.wait()

    async with opened(before) as door:
        await door.sink(Phase.STARTING)
        await until(lambda: seen == ["s"])
        if behaviour == "returns":
            assert door.node.applied() == {}
            release.set()
        await until(lambda: door.node.applied() == {"s": 1})
        await door.sink(Phase.IDLE)
        await door.sink(Phase.STARTING)
        await until(lambda: seen == ["s", "s"])


def test_a_session_waits_until_the_cards_have_been_judged():
    longest_s = gate_module.FINISH_S + gate_module.CUT_S + gpu.UNLOAD_S + vram.TOOL_S
    assert longest_s < gate_module.BEFORE_S < voice.JOIN_S < SessionSettings().start_timeout_s
