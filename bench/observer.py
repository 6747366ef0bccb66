"""Asks on the bus and watches what becomes of it, without taking part: it looks now and then.

A subscriber that woke with each message would run beside the nodes in the very milliseconds that are
measured. All times are those that the senders wrote into headers and events, so looking late loses nothing.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import zmq

from bench.figures import Pace, pace_of
from bench.pipeline import Heard
from bus import wire
from bus.audio import FRAME_MS
from bus.clock import SystemClock
from bus.codec import encode
from bus.header import Header, Stamper
from bus.keys import KeyRing
from bus.messages import Health, NodeState, Phase, PlayoutState, Request, RequestKind, TurnEvent, TurnKind
from bus.settings import BaseSettings, BusSettings
from bus.sockets import Transport
from bus.topics import NODES, TOPICS, Pattern, publisher_port

SINK = "discord_voice"
WATCHED = ("flow.prompt", "control.session.", "report.playout.", "report.health.", "report.turn.")

LOOK_S = 0.02
WAIT_S = 60.0
"""For a state that must come: a start, a session."""
TURN_S = 600.0
"""For the end of a turn."""
UNREAD_LIMIT = 100_000
"""Messages between two looks; fifty sessions make a thousand a second."""

STEPS: tuple[tuple[str, TurnKind], ...] = (
    ("llm_streamer", TurnKind.RECEIVED),
    ("llm_streamer", TurnKind.FIRST_TOKEN),
    ("tts_bridge", TurnKind.RECEIVED),
    ("tts_bridge", TurnKind.FIRST_AUDIO),
    (SINK, TurnKind.RECEIVED),
)
"""Milestones between the hand-over and the first frame, in order."""


@dataclass(frozen=True)
class _End:
    """How a turn ended in the sink."""

    turn: int
    moment_ns: int
    is_cut: bool


@dataclass
class _Turn:
    """What is known of the one turn that a session has at a time."""

    asked_ns: int = 0
    first_ns: int = 0
    milestones_ns: dict[tuple[str, TurnKind], int] = field(default_factory=dict)
    ended: "asyncio.Future[_End]" = field(default_factory=asyncio.Future)


class Observer:
    """A person's tool on the bus of one stack."""

    def __init__(self, base: BaseSettings, bus: BusSettings) -> None:
        self._transport = Transport("cli", KeyRing.load(base.state_path), bus)
        self._base_port = bus.base_port
        self._stamper = Stamper("cli", SystemClock())
        self._levels: dict[tuple[str, str], Any] = {}
        self._turns: dict[str, _Turn] = {}
        self._told: dict[str, PlayoutState] = {}
        self._n_frames = 0
        self.n_after_end = 0
        """Frames with sound that left in a session between the end of a turn and the next prompt."""

    async def __aenter__(self) -> Self:
        self._transport.__enter__()
        ports = {node: publisher_port(node, self._base_port) for node in NODES}
        self._socket = self._transport.connect(zmq.SUB, ports, {zmq.RCVHWM: UNREAD_LIMIT}, WATCHED)
        self._asking = self._transport.pusher(TOPICS["flow.request"])
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._looking.cancel()
        self._asking.close()
        self._socket.close()
        self._transport.__exit__(None, None, None)

    # --- states -------------------------------------------------------------------------------------

    def health(self, node: str) -> Health | None:
        """What a node said last of itself."""
        return self._levels.get((f"report.health.{node}", ""))

    def is_ready(self, node: str) -> bool:
        """Whether a node said last that it is ready."""
        health = self.health(node)
        return health is not None and health.state is NodeState.READY

    @property
    def sessions(self) -> list[str]:
        """Sessions that are active."""
        states = {
            s: state for (name, s), state in self._levels.items() if name.startswith("control.session.")
        }
        return [session for session, state in states.items() if state.phase is Phase.ACTIVE]

    async def until(self, reached: Callable[[], object], what: str) -> None:
        """Wait for a state.

        Raises:
            RuntimeError: it did not come; names `what`.
        """
        deadline_s = time.monotonic() + WAIT_S
        while not reached():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{what}: not within {WAIT_S:g} s")
            await asyncio.sleep(LOOK_S)

    async def pace(self) -> Pace:
        """The sink's own figures, once they cover all that was heard: health carries them each second."""

        def pace() -> Pace:
            health = self.health(SINK)
            return pace_of(health.facts if health else {})

        await self.until(lambda: pace().n_frames >= self._n_frames, "figures of the sink")
        return pace()

    # --- asking -------------------------------------------------------------------------------------

    async def request(self, kind: RequestKind, session: str = "", text: str = "") -> int:
        """Send a request, without waiting for what becomes of it; returns the monotonic ns of sending."""
        header = self._stamper.stamp("flow.request", session)
        body = encode(Request(uuid.uuid4().hex, kind, text=text))
        await self._asking.push(wire.pack("flow.request", header, body))
        return header.mono_ns

    async def ask(self, kind: RequestKind, session: str, text: str) -> Heard:
        """Ask, and wait until the turn is over."""
        before = self._playout(session)
        if session in self._told:
            self.n_after_end += before.sent - self._told[session].sent
        turn = self._turns[session] = _Turn()
        await self.request(kind, session, text)
        async with asyncio.timeout(TURN_S):
            end = await turn.ended
            await self.until(lambda: self._playout(session).finished_turn >= end.turn, "report of the sink")
        state = self._told[session] = self._playout(session)
        self._n_frames += state.played_ms // FRAME_MS
        return Heard(
            turn.asked_ns,
            turn.first_ns,
            state.played_ms // FRAME_MS,
            end.moment_ns,
            state.underruns - before.underruns,
            tuple(turn.milestones_ns.get(step, 0) for step in STEPS),
            n_fade=int(end.is_cut),
        )

    def _playout(self, session: str) -> PlayoutState:
        state: PlayoutState = self._levels.get(
            (f"report.playout.{SINK}", session), PlayoutState(0, 0, 0, finished_turn=0)
        )
        return state

    # --- looking ------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            while self._socket.poll(0):
                self._take(self._socket.recv_multipart(zmq.NOBLOCK))
            await asyncio.sleep(LOOK_S)

    def _take(self, parts: list[bytes]) -> None:
        name, header = wire.unpack_header(parts)
        turn = self._turns.get(header.session)
        if TOPICS[name].pattern is Pattern.STATE:
            self._levels[name, header.session] = wire.unpack_body(TOPICS[name], parts[2])
        elif turn is not None and name == "flow.prompt":
            turn.asked_ns = header.mono_ns
        elif turn is not None:
            self._note(turn, header, wire.unpack_body(TOPICS[name], parts[2]))

    def _note(self, turn: _Turn, header: Header, event: TurnEvent) -> None:
        turn.milestones_ns.setdefault((header.src, event.kind), header.mono_ns)
        if event.kind is TurnKind.FAILED and not turn.ended.done():
            turn.ended.set_exception(RuntimeError(f"{header.src}: {event.code}: {event.detail}"))
        if header.src != SINK or turn.ended.done():
            return
        # The sink's thread notes a moment, its loop tells it later.
        moment_ns = turn.milestones_ns[SINK, TurnKind.RECEIVED] + round(event.elapsed_ms * 1e6)
        if event.kind is TurnKind.FIRST_FRAME:
            turn.first_ns = moment_ns
        elif event.kind in (TurnKind.DONE, TurnKind.CUT):
            turn.ended.set_result(_End(header.turn, moment_ns, event.kind is TurnKind.CUT))
