"""F20: the wall clock steps while prompts come and go; no process notices but by numbers that still grow."""

import pytest

from bus.messages import Phase, TurnKind
from bus.settings import SessionSettings
from tests.campaign.campaign import Run
from tests.procs.bot_main.world import SINK, Lives, World

HOUR_MS = 3_600_000

STEPS_MS = (HOUR_MS, -HOUR_MS, 10_000, -10_000, 1, -1, 24 * HOUR_MS, -24 * HOUR_MS)
"""An hour, as at daylight saving or by a wrong zone; ten seconds of suspend; NTP; a wrong day."""

MOVES = 25


class Visit:
    """Prompts in one session, over several lives of bot_main."""

    def __init__(self, run: Run, lives: Lives) -> None:
        self.run = run
        self.lives = lives
        self.turns: list[int] = []
        self.handed_over: list[int] = []
        self.ended: list[int] = []
        self.floor = 0

    async def play(self) -> None:
        """Some lives, each taking up what the one before left."""
        async with self.lives.begin() as world:
            self.session = await world.join()
            await self.live(world)
        for _ in range(2):
            levels = [(topic, level, session) for (topic, session), level in world.levels.items()]
            self.lives.clock.step_wall_ms(self.run.dice.choice(STEPS_MS))
            async with self.lives.begin(*levels) as world:
                await self.live(world)
        assert self.handed_over == self.turns, "not every prompt was handed over once, in order"

    async def live(self, world: World) -> None:
        for _ in range(MOVES):
            await self.run.dice.choice(
                (self.step, self.step, self.prompt, self.prompt, self.speak, self.wait)
            )(world)
            self.check(world)
        while world.turns(self.session).active:
            await self.speak(world)
        self.handed_over += [turn for turn, _ in world.prompts]
        self.ended += [turn for turn in self.turns if (TurnKind.DONE, "") in world.milestones(turn)]
        assert self.ended == self.turns, "not every prompt was answered once, in order"

    async def step(self, world: World) -> None:
        self.lives.clock.step_wall_ms(self.run.dice.choice(STEPS_MS))

    async def prompt(self, world: World) -> None:
        answer = await world.prompt()
        if answer.accepted:
            newest = self.turns[-1] if self.turns else 0
            assert answer.turn > newest, f"turn {answer.turn} after {newest}"
            self.turns.append(answer.turn)

    async def speak(self, world: World) -> None:
        if turn := world.turns(self.session).active:
            await world.speak(self.session, turn, "Yes.")

    async def wait(self, world: World) -> None:
        await world.pass_ms(self.run.dice.choice((10, 300, 2_000, 10_000)))

    def check(self, world: World) -> None:
        """Leases are measured by the other clock; floors never fall."""
        state = world.node.session(self.session)
        assert state is not None, "the session's lease ended by a step"
        assert state.phase is Phase.ACTIVE
        assert world.node.states["control.intent", self.session].wanted, f"{SINK} is no longer wanted"
        floor = world.turns(self.session).floor
        assert floor >= self.floor, f"the floor fell from {self.floor} to {floor}"
        self.floor = floor
        assert all(world.node.is_live(self.session, turn) for turn in self.turns if turn not in self.ended)


async def f20_steps(run: Run) -> None:
    """One session over three lives."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        lives = Lives(monkeypatch)
        lives.session = SessionSettings(idle_leave_s=0)
        await Visit(run, lives).play()
