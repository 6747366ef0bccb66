"""Our pipeline as the benchmarks see it: four processes, asked like the command line asks them."""

import asyncio
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from bench.figures import Pace, pace_of
from bench.machine import Cost, cost
from bench.nodes import Nodes
from bench.pipeline import Heard
from bench.stubs import Stubs
from bus import Received, wire
from bus.audio import FRAME_MS
from bus.messages import Health, PlayoutState, Request, RequestKind, TurnEvent, TurnKind
from bus.node import Node
from bus.sockets import tap

SINK = "discord_voice"
STEPS: tuple[tuple[str, TurnKind], ...] = (
    ("llm_streamer", TurnKind.RECEIVED),
    ("llm_streamer", TurnKind.FIRST_TOKEN),
    ("tts_bridge", TurnKind.RECEIVED),
    ("tts_bridge", TurnKind.FIRST_AUDIO),
    (SINK, TurnKind.RECEIVED),
)
"""Milestones between the hand-over and the first frame, in order."""

TURN_S = 600.0
"""A turn that takes longer is given up."""


class Ours:
    """See `Pipeline`.

    Args:
        n_sessions: sessions at once.
        settings: environment variables besides those of the stubs.
    """

    name = "ours"

    def __init__(self, stubs: Stubs, n_sessions: int = 1, **settings: str) -> None:
        self._nodes = Nodes(n_sessions, **stubs.settings, **settings)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            bus = await exits.enter_async_context(self._nodes.person())
            self._listener = await exits.enter_async_context(Listener(bus))
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exits.aclose()

    async def speak(self, session: int) -> Heard:
        return await self._listener.ask(RequestKind.PROMPT, self._nodes.sessions[session], "Hello")

    async def stop(self, session: int) -> int:
        return await self._listener.stop(self._nodes.sessions[session])

    async def pace(self) -> Pace:
        return await self._listener.pace()

    @property
    def n_after_end(self) -> int:
        """Frames of turns that were over."""
        return self._listener.n_after_end

    def cost(self) -> Cost:
        return cost(self._nodes.processes.values())


@dataclass(frozen=True)
class _End:
    """How a turn ended in the sink."""

    turn: int
    moment_ns: int
    is_cut: bool


@dataclass
class _Turn:
    """What is known of the turn that a session was asked for. Times are those of the senders."""

    asked_ns: int = 0
    first_ns: int = 0
    milestones_ns: dict[tuple[str, TurnKind], int] = field(default_factory=dict)
    ended: "asyncio.Future[_End]" = field(default_factory=asyncio.Future)


class Listener:
    """Asks on the bus, and follows the one turn that each session has at a time.

    Args:
        bus: reads `bench.nodes.READS`, writes requests.
    """

    def __init__(self, bus: Node) -> None:
        self._bus = bus
        self._playout = bus.follow(f"report.playout.{SINK}")
        self._health = bus.follow("report.health.")
        self._turns: dict[str, _Turn] = {}
        self._told: dict[str, PlayoutState] = {}
        self._n_frames = 0
        self.n_after_end = 0
        """Frames with sound that left in a session between the end of a turn and the next prompt."""

    async def __aenter__(self) -> Self:
        """A new subscriber gets the present levels at once: they say that the subscription has arrived."""
        arrived = asyncio.Event()

        def take(parts: list[bytes]) -> None:
            _, header = wire.unpack_header(parts)
            if parts[0] == b"flow.prompt":
                self._turns[header.session].asked_ns = header.mono_ns
            else:
                arrived.set()

        self._tap = tap(self._bus.transport, ("flow.prompt", "report.health.bot_main"), take)
        self._follower = asyncio.create_task(self._follow())
        await arrived.wait()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._follower.cancel()
        self._tap.close()

    async def ask(self, kind: RequestKind, session: str, text: str) -> Heard:
        """Ask, and wait until the turn is over."""
        before = self._playout.get(session) or PlayoutState(0, 0, 0, 0)
        if session in self._told:
            self.n_after_end += before.sent - self._told[session].sent
        turn = self._turns[session] = _Turn()
        await self.request(kind, session, text)
        async with asyncio.timeout(TURN_S):
            end = await turn.ended
            state = self._told[session] = await self._reported(session, end.turn)
        n_frames = state.played_ms // FRAME_MS
        self._n_frames += n_frames
        return Heard(
            turn.asked_ns,
            turn.first_ns,
            n_frames,
            end.moment_ns,
            state.underruns - before.underruns,
            tuple(turn.milestones_ns.get(step, 0) for step in STEPS),
            n_fade=int(end.is_cut),
        )

    async def stop(self, session: str) -> int:
        """Ask for silence; returns the monotonic ns of asking."""
        now_ns = time.monotonic_ns()
        await self.request(RequestKind.STOP, session)
        return now_ns

    async def pace(self) -> Pace:
        """The sink's own figures, once they cover all that was heard: health carries them each second."""
        while True:
            health: Health | None = self._health.get(src=SINK)
            pace = pace_of(health.facts if health else {})
            if pace.n_frames >= self._n_frames:
                return pace
            await asyncio.sleep(0.1)

    async def request(self, kind: RequestKind, session: str = "", text: str = "") -> None:
        """Send a request, without waiting for what becomes of it."""
        await self._bus.push("flow.request", Request(uuid.uuid4().hex, kind, text=text), session, 0)

    async def _reported(self, session: str, turn: int) -> PlayoutState:
        """The level that says how much of a turn was heard; it follows the event of its end."""
        while True:
            state: PlayoutState | None = self._playout.get(session)
            if state and state.finished_turn >= turn:
                return state
            await asyncio.sleep(0.005)

    async def _follow(self) -> None:
        async for received in self._bus.events("report.turn."):
            if received.session in self._turns:
                self._take(received, self._turns[received.session])

    def _take(self, received: Received[TurnEvent], turn: _Turn) -> None:
        event = received.message
        turn.milestones_ns.setdefault((received.header.src, event.kind), received.header.mono_ns)
        if event.kind is TurnKind.FAILED:
            failure = f"{received.header.src}: {event.code}: {event.detail}"
            turn.ended.set_exception(RuntimeError(failure))
            return
        if received.header.src != SINK:
            return
        # The sink's thread notes a moment, its loop tells it later.
        moment_ns = turn.milestones_ns[SINK, TurnKind.RECEIVED] + round(event.elapsed_ms * 1e6)
        if event.kind is TurnKind.FIRST_FRAME:
            turn.first_ns = moment_ns
        elif event.kind in (TurnKind.DONE, TurnKind.CUT):
            turn.ended.set_result(_End(received.turn, moment_ns, event.kind is TurnKind.CUT))
