"""A session as the gateway's observer sees it, played by hand on a bus in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.test_utils import TestClient, TestServer

from bus.messages import (
    FeatureState,
    Health,
    HouseState,
    NodeState,
    Phase,
    PlayoutState,
    RequestAnswer,
    SessionState,
    SettingsState,
    SettingValue,
    TurnEvent,
    TurnKind,
    TurnState,
)
from bus.testing import MemoryNode
from bus.topics import NODES, SINKS
from procs.web_gateway.app import WebNode
from procs.web_gateway.backends.guard import Guard
from procs.web_gateway.backends.http import make_app
from procs.web_gateway.backends.watch import Observer
from procs.web_gateway.backends.watch_routes import WatchRoutes
from procs.web_gateway.core.access import Names, cookie_value
from procs.web_gateway.desk import BusDesk
from tests.ports import free_base_port

SESSION, SINK = "20261120-120000-abcd", "discord_voice"

PACE = {
    "deficit": "2",
    "gap_p99_ms": "21.5",
    "gap_max_ms": "40.0",
    "frames_stale": "1",
    "frames_doubled": "0",
    "frames_missed": "0",
    "frames_overflowed": "0",
}


class Play:
    """Says on the bus what others would say."""

    def __init__(self) -> None:
        self.bus = MemoryNode("web_gateway", WebNode.reads)
        self.observer = Observer(BusDesk(self.bus), NODES, SINKS)

    async def health(
        self, node: str, state: NodeState = NodeState.READY, code: str = "", pid: int = 7
    ) -> None:
        facts = PACE if node in SINKS else {}
        said = Health(state, pid, uptime_s=12, loop_lag_ms=3, gaps=1, code=code, facts=facts)
        if node == self.bus.name:
            self.bus.set_state(f"report.health.{node}", said)
        else:
            await self.bus.deliver(f"report.health.{node}", said)

    async def all_healthy(self) -> None:
        for node in NODES:
            await self.health(node)

    async def session(self, phase: Phase, *, refusal: str = "", reason: str = "") -> None:
        state = SessionState(SINK, phase, 1_000, 1, refusal, reason)
        await self.bus.deliver(f"control.session.{SINK}", state, SESSION)

    async def playout(self, sent: int, underruns: int = 0, played_ms: int = 100) -> None:
        state = PlayoutState(1_001, played_ms, 80, 0, underruns, sent, nulled=1, late=2, deficit=5)
        await self.bus.deliver(f"report.playout.{SINK}", state, SESSION)

    async def house(self, *, is_open: bool, code: str = "", queued: int = 0) -> None:
        feature = FeatureState("image_generation", is_open, "blocked", code, "Image generation")
        oldest_ms = self.bus.clock.wall_ns() // 1_000_000 - 3_000 if queued else 0
        await self.bus.deliver("report.house", HouseState("happy", "miku", queued, oldest_ms, (feature,)))

    async def settings(self, node: str, **values: str) -> None:
        said = SettingsState(
            tuple(SettingValue(name.replace("__", "."), value) for name, value in values.items())
        )
        await self.bus.deliver(f"report.settings.{node}", said)

    async def milestone(self, node: str, kind: TurnKind, turn: int = 1_001, code: str = "") -> None:
        await self.bus.deliver(f"report.turn.{node}", TurnEvent(kind, code=code), SESSION, turn)

    async def answer(self, request: str = "a", code: str = "") -> None:
        await self.bus.deliver("report.request", RequestAnswer(request, not code, code=code))

    async def a_turn(self, turn: int = 1_001, end: TurnKind = TurnKind.DONE, code: str = "") -> None:
        """A turn from its prompt to its end, with 100 ms between two milestones."""
        await self.bus.deliver("control.turn", TurnState(1_000, turn), SESSION)
        for node, kind in (
            ("bot_main", TurnKind.ACCEPTED),
            ("llm_streamer", TurnKind.FIRST_TOKEN),
            ("tts_bridge", TurnKind.FIRST_PIECE),
            ("tts_bridge", TurnKind.FIRST_AUDIO),
            (SINK, TurnKind.FIRST_FRAME),
        ):
            await self.milestone(node, kind, turn)
            self.bus.fake_clock.advance_ms(100)
        await self.milestone("bot_main", end, turn, code)
        await self.bus.deliver("control.turn", TurnState(1_000, 0), SESSION)

    async def all_healthy_but(self, silent: str) -> None:
        for node in NODES:
            if node != silent:
                await self.health(node)


@asynccontextmanager
async def door(play: Play) -> AsyncIterator[tuple[TestClient, dict[str, str]]]:
    """The observer's routes behind the gateway's door; yields a client, and the cookie of a link."""
    port, wall_ms = free_base_port(), play.bus.clock.wall_ns() // 1_000_000
    names = Names("127.0.0.1", port, (), ())
    guard = Guard(names, "secret", "key", "", port, lambda: 0, lambda: wall_ms)
    server = TestServer(make_app(guard, WatchRoutes(play.observer)), port=port)
    async with TestClient(server) as client:
        yield client, {f"miku_{port}": cookie_value("secret", "tests", wall_ms)}
