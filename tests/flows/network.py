"""Several nodes with real sockets in one process."""

import asyncio
from typing import Self

from bus.clock import SystemClock
from bus.keys import KeyRing
from bus.messages import Phase, SessionState, TurnState
from bus.node import Node
from bus.settings import BusSettings
from bus.sockets import Transport
from bus.testing import ListLog
from tests.ports import free_base_port

CONTRACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bot_main": (
        ("flow.request", "report.health.", "report.turn."),
        ("control.intent", "control.turn", "flow.prompt", "report.request"),
    ),
    "llm_streamer": (("flow.prompt",), ("flow.token", "report.reply")),
    "tts_bridge": (("flow.token", "report.playout."), ("flow.audio.discord_voice", "report.spoken")),
    "discord_voice": (
        ("flow.audio.discord_voice", "control.intent", "report.health."),
        ("control.session.discord_voice", "report.playout.discord_voice"),
    ),
    "web_gateway": (("control.intent",), ("control.session.web_gateway",)),
    "cli": (("report.request", "report.health.", "control.intent"), ("flow.request",)),
}

SESSION = "20261120-120000-abcd"
SINCE_MS = 1_000


class Network:
    """Starts, kills and restarts nodes; closes what is left."""

    def __init__(self) -> None:
        self.settings = BusSettings(base_port=free_base_port())
        self.keys = KeyRing.generate()
        self._running: dict[str, tuple[Transport, Node, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for name in list(self._running):
            await self.kill(name)

    def transport(self, name: str, keys: KeyRing | None = None) -> Transport:
        return Transport(name, keys or self.keys, self.settings)

    async def start(self, *names: str) -> list[Node]:
        """Start nodes side by side; each is synchronised when this returns.

        The first start brings the second sink along: every node waits for the word of all that control.
        """
        others = () if self._running else ("web_gateway",)
        started = await asyncio.gather(*(self._start(name) for name in (*names, *others)))
        return list(started[: len(names)])

    async def _start(self, name: str) -> Node:
        transport = self.transport(name).__enter__()
        try:
            node = Node(name, *CONTRACTS[name], transport, SystemClock(), ListLog())
            await node.open()
        except BaseException:
            transport.__exit__(None, None, None)
            raise
        key = name if name not in self._running else f"{name} {len(self._running)}"
        self._running[key] = (transport, node, asyncio.create_task(node.beat_for_ever()))
        return node

    async def kill(self, name: str) -> None:
        """End a node without a word, as kill -9 does: its sockets close, nothing is said."""
        transport, node, beat = self._running.pop(name)
        beat.cancel()
        node.close()
        transport.__exit__(None, None, None)


def live_session(sink: Node) -> None:
    """The sink says that the session is active."""
    state = SessionState("discord_voice", Phase.ACTIVE, SINCE_MS, 1)
    sink.set_state("control.session.discord_voice", state, SESSION)


def floor(bot: Node, value: int) -> None:
    """bot_main raises the floor."""
    bot.set_state("control.turn", TurnState(value, 0), SESSION)
