"""A node that plays sound: holds the sessions, plays their sound, and says what was heard.

It connects the levels to the session machine, the audio flow to the playout buffers, and both to a
backend. It decides nothing: when a session starts or ends is written in `core/session.py`, what is heard
in `core/playout.py`, where in the backend.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bus import Bus
from bus.errors import BackendError
from bus.interface import LevelView
from bus.messages import Health, Intent, NodeState, Phase, PlayoutState, SessionState, TurnEvent
from procs.sink.backends.base import (
    Lost,
    Moved,
    Recorded,
    Renew,
    Source,
    Trouble,
    VoiceBackend,
    VoiceEvent,
)
from procs.sink.core.pacing import PaceMeter
from procs.sink.core.playout import Counters, Playout
from procs.sink.core.session import (
    STOP_LIMIT_MS,
    Event,
    Rules,
    Session,
    Transition,
    World,
    is_wanted,
)

REPORT_PERIOD_S = 0.1
"""How often what was heard is told while it sounds, and how late a limit of the session machine is seen."""

FACTS_EVERY = 10
"""Reports between two looks at the pacing figures: once a second, as health beats."""

REST_S = 1.0
"""A node that holds no session looks this often."""

REJOIN_PATIENCE_S = 3.0
"""A reborn node leaves sound in the flow for so long at most: by then a standing intent has been acted on."""

FADE_S = 0.04
"""Two frames: the longest a purged turn takes to fall silent."""

EVERY_TURN = 2**63 - 1
"""A floor above all turns."""


class Seat:
    """One session in this node: its machine, its sound, its connection."""

    def __init__(self, session: Session, source: Source) -> None:
        self.session = session
        self.source = source
        self.link = asyncio.Lock()
        """Held while the backend connects or leaves: these never overlap within a session."""
        self.connecting: asyncio.Task[None] | None = None
        self.recorded: Recorded | None = None
        self.told: dict[str, SessionState | PlayoutState | None] = {}
        """Topic → what its level says."""

    @property
    def id(self) -> str:
        """Session id."""
        return self.session.id

    @property
    def is_held(self) -> bool:
        """Whether it takes one of the places."""
        return self.session.phase is not Phase.IDLE


def sink_reads(sink: str) -> tuple[str, ...]:
    """What every sink reads."""
    return ("control.intent", "control.session.", "control.turn", "report.health.", f"flow.audio.{sink}")


def sink_writes(sink: str) -> tuple[str, ...]:
    """What every sink writes."""
    return f"control.session.{sink}", f"report.playout.{sink}", f"report.turn.{sink}"


class SinkNode:
    """Authority over the sessions of one sink; `name`, `reads` and `writes` come from the node that it is.

    Args:
        rules: what the session machine goes by.
        backend: where she speaks.
        max_sessions: places.
        prebuffer_frames: frames that wait before a turn begins.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def __init__(
        self, bus: Bus, rules: Rules, backend: VoiceBackend, max_sessions: int, prebuffer_frames: int
    ) -> None:
        self._bus = bus
        self._rules = rules
        self._backend = backend
        self._max_sessions = max_sessions
        self._prebuffer_frames = prebuffer_frames
        self._intents: LevelView[Intent] = bus.follow("control.intent")
        self._turns = bus.follow("control.turn")
        self._health: LevelView[Health] = bus.follow("report.health.")
        self._seats: dict[str, Seat] = {}
        self._counters = Counters()
        self._past_pace = PaceMeter()
        self._joined = asyncio.Event()
        self._seated = asyncio.Event()
        self._trouble = Trouble()
        self._told_facts: dict[str, str] = {}

    async def run(self) -> None:
        """Hold sessions until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._tell_health()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._backend.run(self._on_backend_event))
            tasks.create_task(self._take_frames())
            tasks.create_task(self._follow_floors())
            tasks.create_task(self._follow(self._intents))
            tasks.create_task(self._follow(self._health))
            tasks.create_task(self._tick())

    async def stop(self) -> None:
        """Fall silent and leave every place, so that no ghost of her stays behind."""
        held = [seat for seat in self._seats.values() if seat.is_held]
        for seat in held:
            seat.source.purge(EVERY_TURN)
        if any(seat.source.sounding for seat in held):
            await asyncio.sleep(FADE_S)
        await asyncio.gather(*(self._leave(seat) for seat in held))

    # --- sound --------------------------------------------------------------------------------------

    async def _take_frames(self) -> None:
        """Feed the playouts; a reborn node lets its sessions start first, for sound already under way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REJOIN_PATIENCE_S):
                await self._joined.wait()
        async for received in self._bus.pull(f"flow.audio.{self.name}"):
            if seat := self._seats.get(received.session):
                seat.source.put(received.turn, received.message)
                self._advance(seat)

    async def _follow_floors(self) -> None:
        """Barge-in: what lies below the floor is silenced before anything else happens."""
        async for change in self._turns.changes():
            if change.new and (seat := self._seats.get(change.session)):
                seat.source.purge(change.new.floor)
                self._advance(seat)

    def _advance(self, seat: Seat) -> None:
        """Tell what turns have reached, and let the backend play what is ready."""
        milestones = seat.source.take_milestones()
        for reached in milestones:
            event = TurnEvent(reached.kind, reached.elapsed_ms, reached.code)
            self._bus.emit(f"report.turn.{self.name}", event, seat.id, reached.turn)
        if seat.session.phase is Phase.ACTIVE and (turn := seat.source.start()):
            self._backend.play(seat.id, turn, seat.source)
        if milestones:
            self._tell_playout(seat)
        if seat.session.phase is Phase.STOPPING:
            self._reconcile()

    def _new_source(self, session: str) -> Source:
        playout = Playout(self._prebuffer_frames, self._counters)
        return Source(playout, self._bus.clock.mono_ns, partial(self._on_edge, session))

    def _on_edge(self, session: str) -> None:
        """Called in the backend's thread."""
        self._loop.call_soon_threadsafe(self._after_edge, session)

    def _after_edge(self, session: str) -> None:
        if seat := self._seats.get(session):
            self._advance(seat)

    # --- sessions -----------------------------------------------------------------------------------

    async def _follow(self, level: LevelView[Intent] | LevelView[Health]) -> None:
        async for _ in level.changes():
            if self._seats or level is self._intents:  # how others are matters to sessions alone
                self._reconcile()

    def _on_backend_event(self, event: VoiceEvent) -> None:
        match event:
            case Trouble():
                self._trouble = event
                self._tell_health()
                return
            case Recorded() if seat := self._seats.get(event.session):
                seat.recorded = event
                self._tell_playout(seat)
            case Lost() if seat := self._seats.get(event.session):
                seat.session.lost(event.code)
            case Renew() if seat := self._seats.get(event.session):
                seat.session.renew_link(event.dead_revision)
            case Moved() if seat := self._seats.get(event.session):
                seat.session.moved(event.voice_channel_id)
        self._reconcile()

    def _reconcile(self) -> None:
        """Let every session look at the world as it is now."""
        now_ms = self._bus.clock.mono_ns() // 1_000_000
        for _, session, intent in self._intents.items():
            if session not in self._seats and is_wanted(intent, self._rules):
                machine = Session(session, self._rules, now_ms)
                self._seats[session] = Seat(machine, self._new_source(session))
                self._seated.set()
        health = {src: value for src, _, value in self._health.items()}
        for seat in list(self._seats.values()):
            rows = seat.session.step(self._world(seat, health), now_ms)
            for row in rows:
                self._act(seat, row)
            self._tell(seat, f"control.session.{self.name}", seat.session.state(now_ms))
            if rows:
                self._advance(seat)
                self._tell_playout(seat)
            if seat.session.is_over(now_ms):
                self._seats.pop(seat.id, None)

    def _world(self, seat: Seat, health: dict[str, Health]) -> World:
        n_held = sum(other.is_held for other in self._seats.values() if other is not seat)
        return World(
            intent=self._intents.get(seat.id),
            health=health,
            place_free=n_held < self._max_sessions,
            silent=not seat.source.sounding,
        )

    def _act(self, seat: Seat, row: Transition) -> None:
        """What a row of the machine asks of the world."""
        self._bus.log.info("session moves", session=seat.id, phase=row.next, because=row.event)
        if row.event is Event.START:
            self._joined.set()
            seat.source = self._new_source(seat.id)
        if row.event in (Event.START, Event.CHANGE):
            turns = self._turns.get(seat.id)
            seat.source.purge(max(seat.session.intent.since_ms, turns.floor if turns else 0))
            self._connect(seat)
        if row.next in (Phase.STOPPING, Phase.IDLE):
            seat.source.purge(EVERY_TURN)
        if row.next is Phase.IDLE and row.state is not Phase.IDLE:
            self._past_pace.add(seat.source.pace)
            self._tasks.create_task(self._leave(seat))

    def _connect(self, seat: Seat) -> None:
        if seat.connecting:
            seat.connecting.cancel()
        seat.connecting = self._tasks.create_task(self._connect_to(seat, seat.session.intent))

    async def _connect_to(self, seat: Seat, intent: Intent) -> None:
        try:
            async with seat.link:
                await self._backend.connect(seat.id, intent)
        except BackendError as error:
            self._bus.log.warning("connecting failed", session=seat.id, code=error.code, detail=error.detail)
            seat.session.lost(error.code)
        else:
            seat.session.connected(intent)
        self._reconcile()

    async def _leave(self, seat: Seat) -> None:
        """Release the place; the backend has 2 s for it."""
        if seat.connecting:
            seat.connecting.cancel()
        try:
            async with asyncio.timeout(STOP_LIMIT_MS / 1000), seat.link:
                await self._backend.leave(seat.id)
        except (BackendError, TimeoutError) as error:
            self._bus.log.warning("leaving failed", session=seat.id, error=str(error))

    # --- what is told -------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Time passes: limits of the machine, positions, figures."""
        n_ticks = 0
        while True:
            await self._rest()
            n_ticks += 1
            self._reconcile()
            for seat in self._seats.values():
                self._tell_playout(seat)
            if n_ticks % FACTS_EVERY == 0 and self._facts() != self._told_facts:
                self._tell_health()

    async def _rest(self) -> None:
        """Until the next look: soon while a session is held, or once one comes."""
        if not self._seats:
            self._seated.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(REST_S):
                    await self._seated.wait()
        await asyncio.sleep(REPORT_PERIOD_S)

    def _tell_playout(self, seat: Seat) -> None:
        """Where the sound of a held session is."""
        state = self._playout_state(seat) if seat.is_held else None
        self._tell(seat, f"report.playout.{self.name}", state)

    def _tell(self, seat: Seat, topic: str, state: SessionState | PlayoutState | None) -> None:
        """Publish a level that has changed; the runtime repeats the others."""
        if state == seat.told.get(topic):
            return
        seat.told[topic] = state
        if state is None:
            self._bus.clear_state(topic, seat.id)
        else:
            self._bus.set_state(topic, state, seat.id)

    def _playout_state(self, seat: Seat) -> PlayoutState:
        state = seat.source.report()
        recorded = seat.recorded
        return replace(state, recording=recorded.name) if recorded and recorded.turn == state.turn else state

    def _facts(self) -> dict[str, str]:
        """What the node is made of and how it plays, for people and for `bench`."""
        pace = PaceMeter()
        pace.add(self._past_pace)
        for seat in self._seats.values():
            if seat.is_held:
                pace.add(seat.source.pace)
        return {"backend": self._backend.name, **pace.facts(), **self._counters.facts()}

    def _tell_health(self) -> None:
        self._told_facts = self._facts()
        state = NodeState.DEGRADED if self._trouble.code else NodeState.READY
        self._bus.report(state, self._trouble.code, self._trouble.detail, **self._told_facts)
