import asyncio
from collections.abc import AsyncIterator

import pytest

from bus.messages import Health, NodeState
from bus.testing import FakeClock, MemoryNode
from procs.guardian.app import Guardian
from procs.guardian.backends.base import Notice, SupervisorGone
from procs.guardian.config import GuardianSettings
from procs.guardian.core.verdict import Program

pytestmark = pytest.mark.unit


class FakeSupervisor:
    def __init__(self, *programs: Program) -> None:
        self.listed = list(programs)
        self.orders: list[tuple[str, str]] = []
        self.gone = False

    def programs(self) -> list[Program]:
        if self.gone:
            raise SupervisorGone("nobody")
        return self.listed

    def start(self, name: str) -> None:
        self.orders.append(("start", name))

    def stop(self, name: str) -> None:
        self.orders.append(("stop", name))

    def kill(self, name: str) -> None:
        self.orders.append(("kill", name))


class FakeMachine:
    def __init__(self) -> None:
        self.sweeps = 0
        self.changed = False

    def kill_orphans(self) -> int:
        self.sweeps += 1
        return 0

    def settings_changed(self) -> bool:
        changed, self.changed = self.changed, False
        return changed


class FakeNotices:
    def __init__(self, *told: Notice) -> None:
        self.told = told

    async def notices(self) -> AsyncIterator[Notice]:
        for notice in self.told:
            yield notice


class World:
    """One guardian over two programs."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.node = MemoryNode("guardian", Guardian.reads, self.clock)
        self.supervisor = FakeSupervisor(
            Program("bot_main", "RUNNING", 11),
            Program("tts_bridge", "RUNNING", 12),
            Program("guardian", "RUNNING", 9),
        )
        self.machine = FakeMachine()
        self.guardian = Guardian(self.node, GuardianSettings(), self.supervisor, FakeNotices(), self.machine)

    async def beat(self, *names: str, state: NodeState = NodeState.READY) -> None:
        pids = {program.name: program.pid for program in self.supervisor.listed}
        for name in names:
            await self.node.deliver(f"report.health.{name}", Health(state, pids[name]))

    async def pass_s(self, seconds: float, *beating: str) -> None:
        """Let time go by in looks of half a second, while the named nodes beat."""
        for _ in range(round(seconds * 2)):
            self.clock.advance_ms(500)
            await self.beat(*beating)
            await self.guardian.look()

    async def tell(self, name: str, state: str, from_state: str = "RUNNING") -> None:
        await self.guardian.take(Notice(name, state, from_state))

    async def crash_loop(self, name: str) -> None:
        """supervisord's own rhythm when a program fails at once."""
        for pause_s in (0, 1, 2, 3, 4):
            await self.pass_s(pause_s, "bot_main")
            await self.tell(name, "STARTING", "BACKOFF")
            await self.tell(name, "BACKOFF", "STARTING")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.guardian.begin()
    return world


async def test_a_process_that_falls_silent_is_killed_once(world: World) -> None:
    await world.pass_s(3, "bot_main", "tts_bridge")
    await world.pass_s(4.5, "bot_main")
    assert world.supervisor.orders == []
    await world.pass_s(3, "bot_main")
    assert world.supervisor.orders == [("kill", "tts_bridge")]


async def test_processes_that_beat_are_left_alone_for_ever(world: World) -> None:
    await world.pass_s(600, "bot_main", "tts_bridge")
    assert world.supervisor.orders == []


async def test_a_degraded_process_is_left_alone(world: World) -> None:
    for _ in range(60):
        world.clock.advance_ms(500)
        await world.beat("bot_main")
        await world.beat("tts_bridge", state=NodeState.DEGRADED)
        await world.guardian.look()
    assert world.supervisor.orders == []


async def test_a_guardian_that_was_frozen_itself_kills_nobody(world: World) -> None:
    await world.pass_s(3, "bot_main", "tts_bridge")
    world.clock.advance_ms(60_000)
    await world.guardian.look()
    await world.pass_s(2, "bot_main", "tts_bridge")
    assert world.supervisor.orders == []


async def test_the_replacement_of_a_frozen_process_is_judged_anew(world: World) -> None:
    await world.pass_s(3, "bot_main", "tts_bridge")
    await world.pass_s(6, "bot_main")
    world.supervisor.listed[1] = Program("tts_bridge", "RUNNING", 13)
    await world.tell("tts_bridge", "EXITED")
    await world.tell("tts_bridge", "STARTING", "EXITED")
    await world.tell("tts_bridge", "RUNNING", "STARTING")
    await world.pass_s(20, "bot_main", "tts_bridge")
    assert world.supervisor.orders == [("kill", "tts_bridge")]


async def test_a_crash_loop_is_ended_and_shown(world: World) -> None:
    await world.crash_loop("tts_bridge")
    assert world.supervisor.orders == [("stop", "tts_bridge")]
    assert world.node.health.state is NodeState.DEGRADED
    assert world.node.health.code == "process_resting"
    assert "tts_bridge" in world.node.health.detail


async def test_a_resting_process_is_tried_after_five_minutes_and_the_alarm_ends(world: World) -> None:
    await world.crash_loop("tts_bridge")
    await world.pass_s(301, "bot_main")
    assert world.supervisor.orders[1:] == [("start", "tts_bridge")]
    await world.tell("tts_bridge", "STARTING", "STOPPED")
    await world.tell("tts_bridge", "RUNNING", "STARTING")
    assert world.node.health.state is NodeState.READY


async def test_changed_settings_end_the_rest(world: World) -> None:
    await world.crash_loop("tts_bridge")
    world.machine.changed = True
    await world.pass_s(0.5, "bot_main")
    assert world.supervisor.orders[1:] == [("start", "tts_bridge")]


@pytest.mark.parametrize("state", ["EXITED", "BACKOFF", "FATAL", "STOPPED"])
async def test_orphans_are_looked_for_after_every_end(world: World, state: str) -> None:
    before = world.machine.sweeps
    await world.tell("bot_main", state)
    assert world.machine.sweeps == before + 1


async def test_what_an_earlier_guardian_left_at_rest_is_tried_again() -> None:
    world = World()
    world.supervisor.listed[1] = Program("tts_bridge", "FATAL", 0)
    await world.guardian.begin()
    await world.pass_s(301, "bot_main")
    assert world.supervisor.orders == [("start", "tts_bridge")]


async def test_the_guardian_ignores_news_of_itself(world: World) -> None:
    for _ in range(10):
        await world.tell("guardian", "STARTING", "EXITED")
        await world.tell("guardian", "EXITED")
    assert world.supervisor.orders == []


async def test_a_silent_supervisord_does_not_end_the_guardian(world: World) -> None:
    world.supervisor.gone = True
    await world.tell("bot_main", "RUNNING", "STARTING")
    await world.pass_s(2, "bot_main", "tts_bridge")
    assert ("warning", "supervisord does not answer") in [line[:2] for line in world.node.log.lines]


async def test_it_ends_with_supervisord() -> None:
    world = World()
    async with asyncio.timeout(10):
        await world.guardian.run()
    assert world.machine.sweeps == 1, "what an earlier guardian left is swept at the start"
    assert len(asyncio.all_tasks()) == 1, "nothing goes on looking"
