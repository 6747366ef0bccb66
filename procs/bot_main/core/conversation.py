"""One session as bot_main sees it: the intent, its turns, its memory, and when it was last used. Pure.

Everything that must outlive this process is in its `Record`.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import replace

from bus.messages import (
    Intent,
    Phase,
    Request,
    RequestKind,
    SessionState,
    TurnKind,
    TurnState,
)
from procs.bot_main.core.prompts import History, said_by
from procs.bot_main.core.record import Ended, Record, Terms
from procs.bot_main.core.requests import ChatOrigin
from procs.bot_main.core.running import Asked, Outcome, Running, Traces
from procs.bot_main.core.turns import Turns

LIVE_PHASES = (Phase.STARTING, Phase.ACTIVE)

FIRST_SOUNDS = 10
"""Turns whose time to first sound is remembered."""

MAX_JOINERS = 32
"""Joins of one session that wait for the sink's word; each is repeated, so an older one may be forgotten."""

AWAY_MS = 5_000
"""A sink that was lost for so long, twice what a restart takes, is not waited for: prompts are answered in
writing. The gate is open by then.
"""

JOINER_MS = 2_000
"""A join without the sink's word is accepted as under way after this: people's tools give up at 3 s."""


class Conversation:
    """One session.

    Args:
        session: its id.
        intent: where Miku should be.
        now_ms: monotonic ms.
        record: what an earlier life of this process left of it.
    """

    def __init__(
        self, session: str, intent: Intent, terms: Terms, now_ms: int, record: Record | None = None
    ) -> None:
        self.session = session
        self.intent = intent
        self.phase: Phase | None = None
        """What the sink says; None while it says nothing."""
        self.renewed_ms = record.renewed_ms if record else 0
        self.turns = Turns(
            intent.since_ms, terms.max_waiting, record.floor if record else 0, record.issued if record else 0
        )
        self.history = History(terms.history_messages, record.history if record else ())
        self._terms = terms
        self._used_ms = now_ms
        self._changed_ms = now_ms
        self._withdrawn_ms = now_ms
        self._joiners: dict[str, int] = {}
        self.opened_by = ""
        """Join request that opened it."""
        self.end_code = ""
        """Error code with which it was withdrawn."""
        self.link_revision = 0
        """Credentials its sink asks for."""
        self.first_sounds: deque[int] = deque(maxlen=FIRST_SOUNDS)
        """Milliseconds from hand-over to first sound of the latest turns."""
        self.began = record is not None
        """Whether it was active once: then it outlives an absence of its sink."""
        self.owed: tuple[Asked, ...] = record.owed if record else ()
        """Prompts that are to be answered in writing, and that nobody else keeps yet."""
        self._has_lost_sink = False
        if record:
            self.turns.resume(record.running, record.waiting, now_ms, terms.patience)

    # --- the session -----------------------------------------------------------------------------

    def sink_says(self, state: SessionState | None, now_ms: int) -> str:
        """Take in the session level; returns the error code if the wanted session has ended."""
        phase = state.phase if state else None
        if phase is not self.phase:
            self._changed_ms = now_ms
            self._has_lost_sink = phase is None
        if phase is Phase.ACTIVE:
            self.began = True
        self.phase = phase
        if state:
            self.link_revision = state.link_revision
        if not state or phase is not Phase.IDLE or not self.intent.wanted:
            return ""
        # A sink that left because we were away begins anew by itself, now that we are back.
        is_answer = state.revision >= self.intent.revision and state.reason != "bot_unreachable"
        return (state.refusal or state.reason or "session_none") if is_answer else ""

    def withdraw(self, now_ms: int, code: str = "") -> None:
        """Miku should no longer be there; `code` says why if nobody asked for it."""
        if self.intent.wanted:
            self.end_code = code
        revision = self.intent.revision + 1
        self.intent = replace(self.intent, wanted=False, revision=revision, reason=self.end_code)
        self._withdrawn_ms = now_ms

    def follow(self, voice_channel_id: int) -> None:
        """She was moved: the intent says so too, so that a restart does not drag her back.

        The revision stays: her sink has moved already, and has nothing to act on.
        """
        self.intent = replace(self.intent, voice_channel_id=voice_channel_id)

    def silent_for_ms(self, now_ms: int) -> int:
        """How long nobody has asked for anything, 0 while something is being answered."""
        return 0 if self.turns.n_before else now_ms - self._used_ms

    def leaving_for_ms(self, now_ms: int) -> int:
        """How long it is no longer wanted."""
        return 0 if self.intent.wanted else now_ms - self._withdrawn_ms

    def is_over(self, now_ms: int) -> bool:
        """Whether it was left, owes nothing, and told that long enough to reach a sink that starts late."""
        told = now_ms - self._withdrawn_ms > self._terms.start_ms
        return not self.intent.wanted and not self.owed and self.phase in (None, Phase.IDLE) and told

    @property
    def is_leaving(self) -> bool:
        """Whether the sink still holds it although nobody wants it."""
        return not self.intent.wanted and self.phase not in (None, Phase.IDLE)

    def is_unused(self, now_ms: int) -> bool:
        """Whether nobody has asked for so long that the session should end."""
        limit_ms = self._terms.idle_ms
        has_room = bool(self.intent.guild_id)  # there it counts whether somebody listens
        is_limited = limit_ms > 0 and not has_room and not self.turns.n_before
        return self.intent.wanted and is_limited and now_ms - self._used_ms >= limit_ms

    def overdue(self, now_ms: int) -> str:
        """Error code if the sink has kept people waiting for too long, else empty."""
        if not self.intent.wanted or self.phase is Phase.ACTIVE:
            return ""
        limit_ms = AWAY_MS if self._has_lost_sink and self.began else self._terms.start_ms
        if now_ms - self._changed_ms <= limit_ms:
            return ""
        return "sink_failed" if self.began else "session_start_timeout"

    def lose_sink(self, now_ms: int) -> Ended | None:
        """The sink is gone: what it played is lost with it, what waits may still be answered.

        A prompt of the chat whose answer was not written to its end waits again, before the others.
        """
        if self.turns.running is None:
            return None
        self.turns.running.fail(self.intent.sink, "sink_failed")
        ended = self.end_turn(Outcome(TurnKind.FAILED, "sink_failed"), now_ms)
        if ended.is_owed and self.turns.again(ended.asked):
            self.repay([ended.asked.request])
        return ended

    def renew(self, wall_ms: int, every_ms: int) -> None:
        """Stand by the intent unless that was done within `every_ms`; the clock may have stepped back."""
        if self.intent.wanted and not 0 <= wall_ms - self.renewed_ms < every_ms:
            self.renewed_ms = wall_ms

    def join(self, request: str, now_ms: int) -> None:
        """Somebody wants Miku here, and waits for the sink's word."""
        self._used_ms = now_ms
        if request not in self._joiners:
            self._joiners[request] = now_ms
        if len(self._joiners) > MAX_JOINERS:
            del self._joiners[next(iter(self._joiners))]

    def admitted(self, now_ms: int) -> list[str]:
        """Joins that are answered now: the sink has begun, or has taken its time."""
        if self.phase in LIVE_PHASES:
            return self.take_joiners()
        late = [request for request, since_ms in self._joiners.items() if now_ms - since_ms >= JOINER_MS]
        for request in late:
            del self._joiners[request]
        return late

    def take_joiners(self) -> list[str]:
        """All joins that wait; they wait no longer."""
        joiners = list(self._joiners)
        self._joiners.clear()
        return joiners

    # --- its turns -------------------------------------------------------------------------------

    def ask(self, request: Request, origin: ChatOrigin | None, wall_ms: int, now_ms: int) -> Asked | None:
        """Accept a prompt; None when too many wait."""
        self._used_ms = now_ms
        verbatim = request.kind is RequestKind.SPEAK
        user = request.user or self._terms.default_user
        person, channel_id = (origin.person, origin.message_channel_id) if origin else (0, 0)
        n_before = self.turns.n_before
        asked = Asked(0, request.id, user, request.text, verbatim, person, channel_id, n_before)
        return self.turns.ask(wall_ms, asked, origin.max_waiting if origin else 0)

    def take_back(self, request: str, now_ms: int) -> Ended | None:
        """A prompt was deleted: it waits no longer, or is not answered any further."""
        running = self.turns.running
        self.repay([request])
        if running and running.asked.request == request:
            return self.end_turn(Outcome(TurnKind.CUT), now_ms)
        waiting = self.turns.find(request)
        if waiting is None:
            return None
        self.turns.drop(waiting)
        return Ended(waiting.turn, Outcome(TurnKind.CUT), asked=waiting)

    def repay(self, requests: Collection[str]) -> None:
        """Prompts are owed no longer: somebody else keeps them, or they were taken back."""
        self.owed = tuple(asked for asked in self.owed if asked.request not in requests)

    def _owes(self, asked: Asked, outcome: Outcome) -> bool:
        """Whether a prompt without its whole answer is to be answered in writing; if so, it is kept.

        So it is where she can't speak: the session ends unasked, or its sink is away. Only a message can be
        answered later; a text to be read out needs no answer.
        """
        can_speak = self.intent.wanted and self.phase is Phase.ACTIVE
        if can_speak or outcome.kind is not TurnKind.FAILED or asked.verbatim or not asked.channel_id:
            return False
        self.owed += (asked,)
        return True

    def start_turn(self, now_ms: int) -> Running | None:
        """The prompt to hand over now, if any."""
        return self.turns.start(now_ms, self._terms.patience) if self.phase is Phase.ACTIVE else None

    @property
    def doubtful(self) -> Asked | None:
        """The prompt that is to be looked at again now: it would run, if its words were certain."""
        return self.turns.doubtful if self.phase is Phase.ACTIVE else None

    def observe(self, traces: Traces, now_ms: int) -> Ended | None:
        """Take in what the bus shows; returns the running turn if it is over."""
        playout = traces.playout
        if playout:
            in_flight = playout.turn > playout.finished_turn
            newest = max(playout.turn, playout.finished_turn)
            self.turns.notice(newest, in_flight=in_flight, now_ms=now_ms, patience=self._terms.patience)
        running = self.turns.running
        if running is None:
            return None
        running.observe(traces, now_ms)
        outcome = running.outcome(now_ms)
        return self.end_turn(outcome, now_ms) if outcome else None

    def fail_turn(self, turn: int, stage: str, code: str) -> None:
        """A stage gave a turn up; only the running one is of interest."""
        if self.turns.running and self.turns.running.turn == turn:
            self.turns.running.fail(stage, code)

    def end_turn(self, outcome: Outcome, now_ms: int) -> Ended:
        """The running turn is over: what people got of it enters the memory."""
        running = self.turns.end(outcome)
        self._used_ms = now_ms
        asked, received = running.asked, running.received_text(outcome)
        is_tried = running.is_written or running.has_model_failed
        is_owed = not is_tried and self._owes(asked, outcome)
        if not is_owed and (received or outcome.kind is not TurnKind.FAILED):
            said = said_by(asked.user, asked.text) if asked.text and not asked.verbatim else ""
            self.history.remember(said, received, interrupted=outcome.kind is TurnKind.CUT)
        if running.first_sound_ms:
            self.first_sounds.append(running.first_sound_ms)
        at_fault = outcome.kind is TurnKind.FAILED and running.is_model_at_fault
        elapsed_ms = now_ms - running.started_ms
        return Ended(
            running.turn,
            outcome,
            elapsed_ms,
            asked,
            running.text,
            received,
            at_fault,
            running.was_heard,
            running.is_shortened,
            is_owed,
        )

    def end_all(self, outcome: Outcome, now_ms: int) -> list[Ended]:
        """The running turn and all waiting ones are over."""
        waiting = self.turns.cut()
        running = [self.end_turn(outcome, now_ms)] if self.turns.running else []
        return running + [self._never_ran(asked, outcome) for asked in waiting]

    def _never_ran(self, asked: Asked, outcome: Outcome) -> Ended:
        text, is_owed = asked.text if asked.verbatim else "", self._owes(asked, outcome)
        return Ended(asked.turn, outcome, asked=asked, text=text, was_heard=False, is_owed=is_owed)

    # --- what is published and stored ------------------------------------------------------------

    @property
    def turn_state(self) -> TurnState:
        """The level that says which turns are alive."""
        running = self.turns.running
        return TurnState(self.turns.floor, running.turn if running else 0)

    def record(self) -> Record:
        """All that must outlive this process."""
        turns = self.turns
        return Record(
            self.session,
            self.intent,
            self.renewed_ms,
            turns.floor,
            turns.issued,
            turns.running.asked if turns.running else None,
            tuple(turns.waiting),
            self.history.messages,
            self.owed,
        )
