"""Looks at the bus for the operator: keeps the figures and answers how everything is now."""

import asyncio
from typing import Any

from bus.messages import Health, PlayoutState, RequestAnswer, SessionState, TurnEvent
from procs.web_gateway.backends.base import Desk
from procs.web_gateway.core import watch
from procs.web_gateway.core.metrics import Figures
from procs.web_gateway.core.tally import Tally

GLANCE_S = 1.0
"""How often what is counted is looked at while nobody asks: levels live for longer."""

RATE_SPAN_MS = 2_000
"""Rates are means over at least this long."""


class Observer:
    """The view of one gateway.

    Args:
        nodes, sinks: names of all processes, and of those that play.
    """

    def __init__(self, desk: Desk, nodes: tuple[str, ...], sinks: tuple[str, ...]) -> None:
        self.figures = Figures()
        self._desk = desk
        self._nodes = nodes
        self._sinks = sinks
        self._tally = Tally(self.figures)
        self._since = watch.Since()
        self._sessions: dict[tuple[str, str], SessionState] = {}
        self._playouts: dict[tuple[str, str], PlayoutState] = {}
        self._counted = (desk.mono_ms(), desk.traffic())
        self._rates: list[watch.View] = []

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_milestones())
            tasks.create_task(self._take_answers())
            while True:
                self._glance()
                await asyncio.sleep(GLANCE_S)

    def _glance(self) -> None:
        """Take in what would be lost until somebody asks: edges, and the time that passes."""
        desk = self._desk
        now_ms = desk.mono_ms()
        self._edges("control.session.", self._sessions, self._tally.session)
        self._edges("report.playout.", self._playouts, self._tally.playout)
        self._note_processes(self._health(), now_ms)
        n_active = sum(turn.active > 0 for _, _, turn in desk.levels("control.turn"))
        self._tally.house(desk.level("report.house"), n_active, desk.wall_ms(), now_ms / 1000)
        self._note_rates(now_ms)

    def look(self) -> None:
        """Take in everything as it is now."""
        desk = self._desk
        self._glance()
        now_ms = desk.mono_ms()
        health = self._health()
        ages_s = {node: self._age_s(node, said, now_ms) for node, said in health.items()}
        self._tally.processes(self._nodes, health, ages_s)
        self._tally.sinks(self._sinks, health)
        self._tally.bus(desk.traffic())

    def view(self) -> watch.View:
        """Everything the page shows of the house, in sections."""
        self.look()
        live = {key: state for key, state in self._sessions.items() if watch.is_live(state)}
        return {
            "processes": self.processes(),
            "sessions": [
                watch.session(
                    name, state, self._desk.level("control.turn", name), self._playouts.get((sink, name))
                )
                for (sink, name), state in self._sessions.items()
            ],
            "house": watch.house(self._desk.level("report.house"), in_session=bool(live)),
            "turns": self._tally.turns.shown(watch.TURNS_SHOWN),
            "rates": self._rates,
            "settings": watch.settings({src: s for src, _, s in self._desk.levels("report.settings.")}),
        }

    def processes(self) -> list[watch.View]:
        """How every process is, and since when."""
        health = self._health()
        return [watch.process(node, health.get(node), self._became_ms(node, health)) for node in self._nodes]

    # --- inside ---------------------------------------------------------------------------------------

    async def _take_milestones(self) -> None:
        async for heard in self._desk.events("report.turn."):
            event: TurnEvent = heard.message
            self._tally.turn(heard.session, heard.turn, heard.header.src, event, heard.header.mono_ns)

    async def _take_answers(self) -> None:
        async for heard in self._desk.events("report.request"):
            answer: RequestAnswer = heard.message
            self._tally.answer(answer)

    def _edges(self, topic: str, known: dict[tuple[str, str], Any], tell: Any) -> None:
        """Tell what differs from the last look."""
        living = {(src, session): value for src, session, value in self._desk.levels(topic)}
        for key in known.keys() | living.keys():
            if known.get(key) != living.get(key):
                tell(*key, living.get(key))
        known.clear()
        known.update(living)

    def _health(self) -> dict[str, Health]:
        return {src: said for src, _, said in self._desk.levels("report.health.")}

    def _note_processes(self, health: dict[str, Health], now_ms: int) -> None:
        """Since when each is as it is, when it was heard last, and whether it is a new one."""
        for node in self._nodes:
            self._became_ms(node, health)
        for node, said in health.items():
            self._age_s(node, said, now_ms)
        self._tally.restarts({node: said.pid for node, said in health.items()})

    def _became_ms(self, node: str, health: dict[str, Health]) -> int:
        said = health.get(node)
        now = (said.state, said.code, said.pid) if said else None
        return self._since.note(node, now, self._desk.wall_ms())

    def _age_s(self, node: str, said: Health, now_ms: int) -> float:
        """Since its newest beat: each one differs from the last by its uptime."""
        return (now_ms - self._since.note(f"beat {node}", (said.pid, said.uptime_s), now_ms)) / 1000

    def _note_rates(self, now_ms: int) -> None:
        then_ms, before = self._counted
        if now_ms - then_ms >= RATE_SPAN_MS:
            now = self._desk.traffic()
            self._rates = watch.rates(now, before, (now_ms - then_ms) / 1000)
            self._counted = (now_ms, now)
