"""The guardian: replaces frozen processes, ends orphans, keeps crash loops within a budget, raises the alarm.

It connects supervisord's notices and the nodes' health to the rules in `core/`; it decides nothing itself
and never touches a process but through supervisord. It is itself restarted by supervisord, and has no
memory that matters: what it finds is what it works from.
"""

import asyncio
from collections.abc import Callable

from bus import Bus
from bus.messages import Health
from bus.topics import LEASE_MS
from procs.guardian.backends.base import Machine, Notice, Notices, Supervisor, SupervisorGone
from procs.guardian.config import GuardianSettings
from procs.guardian.core.budget import Budget, Limits, Order
from procs.guardian.core.verdict import Attention, Patience, Program, Sign, alarm, is_frozen, silence

LOOK_S = 0.5
"""How often silence is judged: well under the lease, so that detection adds little to it."""

ASK_EVERY = 20
"""Looks between two complete lists from supervisord; in between its notices keep ours up to date."""

_DOWN = {"EXITED", "BACKOFF", "FATAL", "STOPPED"}
_PARKED = {"FATAL", "STOPPED"}


class Guardian:
    """Watches every program of one supervisord."""

    name = "guardian"
    reads: tuple[str, ...] = ("report.health.",)
    writes: tuple[str, ...] = ()

    def __init__(
        self, bus: Bus, settings: GuardianSettings, supervisor: Supervisor, notices: Notices, machine: Machine
    ) -> None:
        self._bus = bus
        self._supervisor = supervisor
        self._notices = notices
        self._machine = machine
        self._patience = Patience(settings.silence_s, settings.loading_silence_s)
        self._limits = Limits(settings.starts, settings.window_s, settings.retry_s)
        self._attention = Attention(self._now_s())
        self._health = bus.follow("report.health.")
        self._programs: dict[str, Program] = {}
        self._running_since_s: dict[str, float] = {}
        self._signs: dict[str, Sign] = {}
        self._budgets: dict[str, Budget] = {}

    async def run(self) -> None:
        """Listen and look until supervisord is gone."""
        await self.begin()
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look_for_ever())
            async for notice in self._notices.notices():
                await self.take(notice)
            looking.cancel()

    async def stop(self) -> None:
        """Nothing to finish."""

    async def begin(self) -> None:
        """Take over what an earlier guardian left: processes at rest, orphans."""
        await self._ask()
        for program in self._programs.values():
            if program.state in _PARKED:
                self._budget(program.name).gave_up(self._now_s())
        await asyncio.to_thread(self._machine.kill_orphans)

    async def take(self, notice: Notice) -> None:
        """Act on a change that supervisord told."""
        if notice.name == self.name:
            return
        now_s, budget = self._now_s(), self._budget(notice.name)
        pid = 0 if notice.state in _DOWN else self._pid_of(notice.name)
        self._note(Program(notice.name, notice.state, pid))
        if notice.state == "STARTING":
            asked = notice.from_state in _PARKED
            await self._obey(notice.name, budget.started(now_s, asked=asked))
        elif notice.state in ("EXITED", "BACKOFF"):
            await self._obey(notice.name, budget.ended(now_s, at_once=notice.state == "EXITED"))
        elif notice.state == "FATAL":
            await self._obey(notice.name, budget.gave_up(now_s))
        elif notice.state == "RUNNING":
            await self._ask()
        if notice.state in _DOWN:
            await self._end_orphans(notice.name)
        self._raise_alarm()

    async def look(self) -> None:
        """Judge silence and budgets as they are now."""
        now_s = self._now_s()
        self._attention.tick(now_s)
        self._hear(now_s)
        for program in list(self._programs.values()):
            await self._judge(program, now_s)
        mended = await asyncio.to_thread(self._machine.settings_changed)
        for name, budget in list(self._budgets.items()):
            await self._obey(name, budget.mended(now_s) if mended else budget.passed(now_s))
        self._raise_alarm()

    async def _look_for_ever(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_S)
            looks += 1
            if looks % ASK_EVERY == 0:
                await self._ask()
            await self.look()

    async def _judge(self, program: Program, now_s: float) -> None:
        sign = self._signs.get(program.name)
        since_s = self._running_since_s.get(program.name, now_s)
        silence_s = silence(program, since_s, sign, self._attention.since_s, now_s)
        if is_frozen(program, sign, silence_s, self._patience, deaf=not self._signs):
            self._bus.log.error(
                "frozen", program=program.name, pid=program.pid, silence_s=round(silence_s, 1)
            )
            self._running_since_s[program.name] = now_s  # judged once; its replacement begins anew
            self._signs.pop(program.name, None)
            await self._order(self._supervisor.kill, program.name)

    def _hear(self, now_s: float) -> None:
        health: Health
        for src, _, health in self._health.items():
            left_s = self._health.seconds_left(src=src)
            age_s = 0.0 if left_s is None else LEASE_MS / 1000 - left_s
            self._signs[src] = Sign(health.pid, health.state, now_s - age_s)

    async def _ask(self) -> None:
        try:
            programs = await asyncio.to_thread(self._supervisor.programs)
        except SupervisorGone as error:
            self._bus.log.warning("supervisord does not answer", reason=str(error))
            return
        for program in programs:
            if program.name != self.name:
                self._note(program)

    def _note(self, program: Program) -> None:
        before = self._programs.get(program.name)
        self._programs[program.name] = program
        if before is None or (before.pid, before.state) != (program.pid, program.state):
            self._running_since_s[program.name] = self._now_s()

    def _pid_of(self, name: str) -> int:
        return self._programs[name].pid if name in self._programs else 0

    def _budget(self, name: str) -> Budget:
        return self._budgets.setdefault(name, Budget(self._limits))

    async def _obey(self, name: str, order: Order) -> None:
        if order is Order.STOP:
            self._bus.log.error("too many starts, rests", program=name)
            await self._order(self._supervisor.stop, name)
        elif order is Order.START:
            self._bus.log.info("tried again", program=name)
            await self._order(self._supervisor.start, name)

    async def _order(self, call: Callable[[str], None], name: str) -> None:
        try:
            await asyncio.to_thread(call, name)
        except SupervisorGone as error:
            self._bus.log.warning("supervisord refused", program=name, reason=str(error))

    async def _end_orphans(self, name: str) -> None:
        count = await asyncio.to_thread(self._machine.kill_orphans)
        if count:
            self._bus.log.warning("ended orphans", program=name, count=count)

    def _raise_alarm(self) -> None:
        now_s = self._now_s()
        standings = [(name, b.standing, b.retry_at_s) for name, b in self._budgets.items()]
        state, code, detail = alarm(standings, now_s)
        self._bus.report(state, code, detail, watches=str(len(self._programs)))

    def _now_s(self) -> float:
        return self._bus.clock.mono_ns() / 1e9
