"""The session machine: where Miku should be (intent) against where she is. Table first.

The machine is driven by levels: at each step it looks at the newest intent, at the health of the others
and at what the sink has said, and takes the first row of `TRANSITIONS` whose event is true. Messages that
are lost, doubled or reordered therefore change nothing but the moment. It knows neither sockets nor
clocks; the app brings both, and acts on the rows taken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bus.messages import Health, Intent, Phase, SessionState
from procs.sink.core.peers import MASTER, missing_code, peers_applied, peers_ready

PEER_PATIENCE_MS = 3_000
"""A start waits so long for a missing peer: one lease; a process that is only restarting is back by then."""
MASTER_PATIENCE_MS = 30_000
"""So long a session outlives its master: the reply in flight plays out and a restart goes unheard."""
STOP_LIMIT_MS = 2_000
"""Everything is released within this time, silent or not."""
ANSWER_MS = 5_000
"""An idle level is shown for so long, so that its readers see the answer; five periods."""


class Event(StrEnum):
    """What can move the machine; `_WHEN` says when each is true."""

    START = "start"
    REFUSE = "refuse"
    STOP = "stop"
    CHANGE = "change"
    READY = "ready"
    LOST = "lost"
    ORPHANED = "orphaned"
    OVERDUE = "overdue"
    SILENT = "silent"


@dataclass(frozen=True)
class Transition:
    """One row of the machine."""

    state: Phase
    event: Event
    next: Phase
    note: str


_IDLE, _STARTING, _ACTIVE, _STOPPING = Phase.IDLE, Phase.STARTING, Phase.ACTIVE, Phase.STOPPING

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_IDLE, Event.STOP, _IDLE, "Nothing to leave; the revision is answered."),
    Transition(_IDLE, Event.REFUSE, _IDLE,
               "All places are taken (`session_active`), the voice is switched off (`voice_disabled`), or a "
               "peer is missing for 3 s (its code, else `session_not_ready`): `refusal` says so; not tried "
               "again."),
    Transition(_IDLE, Event.START, _STARTING, "Wanted, a place is free, all peers ready: the sink connects."),
    Transition(_STARTING, Event.STOP, _STOPPING, "No longer wanted; a leave never waits for a connect."),
    Transition(_STARTING, Event.ORPHANED, _STOPPING, "`bot_main` is silent for 30 s: `bot_unreachable`."),
    Transition(_STARTING, Event.LOST, _IDLE, "The sink could not connect: `reason` says why."),
    Transition(_STARTING, Event.CHANGE, _STARTING, "A newer revision: the sink connects to the new place."),
    Transition(_STARTING, Event.READY, _ACTIVE, "Connected, and every peer has applied the session."),
    Transition(_STARTING, Event.OVERDUE, _IDLE, "Not active within 10 s: `session_start_timeout`."),
    Transition(_ACTIVE, Event.STOP, _STOPPING, "No longer wanted."),
    Transition(_ACTIVE, Event.ORPHANED, _STOPPING,
               "`bot_main` is silent for 30 s: `bot_unreachable`. Once it is back, the intent starts anew."),
    Transition(_ACTIVE, Event.LOST, _STOPPING, "Removed, or the place is gone: `reason` says why."),
    Transition(_ACTIVE, Event.CHANGE, _ACTIVE, "A newer revision: the sink moves."),
    Transition(_STOPPING, Event.SILENT, _IDLE, "The last sound has faded; the sink leaves."),
    Transition(_STOPPING, Event.OVERDUE, _IDLE, "2 s have passed; the sink leaves all the same."),
)  # fmt: skip
"""Every move there is; of those that are possible in a state, the first one is taken."""


@dataclass(frozen=True)
class Rules:
    """What is settled at the start of the process."""

    sink: str
    """Our node: intents for another sink mean that she should not be here."""
    enabled: bool = True
    """Whether this sink takes sessions at all."""
    start_limit_ms: int = 10_000
    """A session must be active within this time."""


@dataclass(frozen=True)
class World:
    """What a session sees around it at one moment."""

    intent: Intent | None
    """Newest intent of this session, None if unknown."""
    health: Mapping[str, Health]
    """Living health levels by node."""
    place_free: bool
    """Whether another session may start."""
    silent: bool
    """Whether nothing of this session is sounding."""


class Session:
    """One session as its sink holds it."""

    def __init__(self, session_id: str, rules: Rules, now_ms: int) -> None:
        self.id = session_id
        self.phase = Phase.IDLE
        self._rules = rules
        self._entered_ms = now_ms
        self._newest: Intent | None = None
        """Intent with the highest revision seen."""
        self._answered: Intent | None = None
        """Intent last acted on."""
        self._settled_revision = -1
        """Up to here nothing is tried again: it was refused, or it failed."""
        self._asking_since_ms = now_ms
        self._master_seen_ms = now_ms
        self._connected = False
        self._lost_code = ""
        self._voice_channel_id = 0
        self._link_revision = 0
        self._refusal = self._reason = ""

    # --- what the sink says -------------------------------------------------------------------------

    def connected(self, intent: Intent) -> None:
        """The sink can play where `intent` wants it."""
        self._connected = True
        self._voice_channel_id = intent.voice_channel_id

    def moved(self, voice_channel_id: int) -> None:
        """Somebody has moved her."""
        self._voice_channel_id = voice_channel_id

    def renew_link(self, dead_revision: int = 0) -> None:
        """The credentials of `dead_revision` are dead; the level asks for newer ones."""
        self._link_revision = max(self._link_revision, dead_revision) + 1

    def lost(self, code: str) -> None:
        """The sink could not connect, or is connected no longer."""
        self._lost_code = code

    # --- the machine --------------------------------------------------------------------------------

    def step(self, world: World, now_ms: int) -> list[Transition]:
        """Take every row that is due; call it on each change and as time passes."""
        self._look(world, now_ms)
        taken = []
        while row := self._due(world, now_ms):
            self._enter(row, self._obstacle(world, now_ms), now_ms)
            taken.append(row)
        return taken

    def state(self, now_ms: int) -> SessionState | None:
        """The level to publish; None if there is nothing to say (any more)."""
        answered = self._answered
        if answered is None or (self.phase is Phase.IDLE and now_ms - self._entered_ms >= ANSWER_MS):
            return None
        return SessionState(
            sink=self._rules.sink,
            phase=self.phase,
            since_ms=answered.since_ms,
            revision=answered.revision,
            refusal=self._refusal,
            reason=self._reason,
            guild_id=answered.guild_id if self._connected else 0,
            voice_channel_id=self._voice_channel_id if self._connected else 0,
            prompt_channel_id=answered.prompt_channel_id,
            link_revision=self._link_revision,
        )

    def is_over(self, now_ms: int) -> bool:
        """Whether the machine can be forgotten: idle, answered, and not wanted."""
        return self.phase is Phase.IDLE and not self._is_wanted() and self.state(now_ms) is None

    @property
    def intent(self) -> Intent:
        """The intent last acted on."""
        assert self._answered is not None
        return self._answered

    def _look(self, world: World, now_ms: int) -> None:
        """Remember what later levels may no longer say."""
        if world.intent and (self._newest is None or world.intent.revision > self._newest.revision):
            self._newest = world.intent
        if MASTER in world.health:
            self._master_seen_ms = now_ms
        if self.phase is not Phase.IDLE or not self._is_asked(world):
            self._asking_since_ms = now_ms

    def _due(self, world: World, now_ms: int) -> Transition | None:
        possible = (row for row in TRANSITIONS if row.state is self.phase)
        return next((row for row in possible if _WHEN[row.event](self, world, now_ms)), None)

    def _enter(self, row: Transition, obstacle: str, now_ms: int) -> None:
        """Take a row: what each event leaves behind."""
        match row.event:
            case Event.START:
                self._answered = self._newest
                self._connected = False
                self._lost_code = self._refusal = self._reason = ""
            case Event.CHANGE:
                self._answered = self._newest
                self._connected = self._connected and row.state is Phase.ACTIVE
            case Event.STOP:
                # A refusal stays in sight: the leave that follows it comes faster than many a reader looks.
                self._answered = self._newest
            case Event.REFUSE:
                self._answered = self._newest
                self._settle(refusal=obstacle)
            case Event.LOST:
                self._settle(reason=self._lost_code)
            case Event.OVERDUE if row.state is Phase.STARTING:
                self._settle(reason="session_start_timeout")
            case Event.ORPHANED:
                self._reason = "bot_unreachable"
        self.phase = row.next
        self._entered_ms = now_ms

    def _settle(self, refusal: str = "", reason: str = "") -> None:
        """This revision has failed and is not tried again."""
        self._settled_revision = self.intent.revision
        self._refusal, self._reason = refusal, reason

    # --- when events are true -----------------------------------------------------------------------

    def _is_wanted(self) -> bool:
        return self._newest is not None and is_wanted(self._newest, self._rules)

    def _has_news(self) -> bool:
        """Whether an intent is known that was not acted on."""
        if self._newest is None:
            return False
        return self._answered is None or self._newest.revision > self._answered.revision

    def _is_asked(self, world: World) -> bool:
        """Whether an intent asks for a start: wanted, not settled, its writer alive."""
        newest = self._newest
        fresh = newest is not None and newest.revision > self._settled_revision
        return self._is_wanted() and fresh and MASTER in world.health

    def _obstacle(self, world: World, now_ms: int) -> str:
        """Error code of what forbids a start, empty while there is nothing or it may pass."""
        if not self._rules.enabled:
            return "voice_disabled"
        if not world.place_free:
            return "session_active"
        waited = now_ms - self._asking_since_ms >= PEER_PATIENCE_MS
        return missing_code(world.health) if waited else ""

    def _is_unwanted(self, world: World, now_ms: int) -> bool:
        del world, now_ms
        return not self._is_wanted() and (self.phase is not Phase.IDLE or self._has_news())

    def _is_refused(self, world: World, now_ms: int) -> bool:
        return self._is_asked(world) and bool(self._obstacle(world, now_ms))

    def _may_start(self, world: World, now_ms: int) -> bool:
        del now_ms
        return self._is_asked(world) and peers_ready(world.health)

    def _is_overdue(self, world: World, now_ms: int) -> bool:
        del world
        limit_ms = self._rules.start_limit_ms if self.phase is Phase.STARTING else STOP_LIMIT_MS
        return now_ms - self._entered_ms >= limit_ms


def is_wanted(intent: Intent, rules: Rules) -> bool:
    """Whether an intent says that she should be in our sink."""
    return intent.wanted and intent.sink == rules.sink


_WHEN: Mapping[Event, Callable[[Session, World, int], bool]] = {
    Event.START: Session._may_start,
    Event.REFUSE: Session._is_refused,
    Event.STOP: Session._is_unwanted,
    Event.CHANGE: lambda session, world, now_ms: session._has_news(),
    Event.READY: lambda session, world, now_ms: (
        session._connected and peers_applied(world.health, session.id)
    ),
    Event.LOST: lambda session, world, now_ms: bool(session._lost_code),
    Event.ORPHANED: lambda session, world, now_ms: now_ms - session._master_seen_ms >= MASTER_PATIENCE_MS,
    Event.OVERDUE: Session._is_overdue,
    Event.SILENT: lambda session, world, now_ms: world.silent,
}
