"""Makes figures of what the bus says. Pure: levels, events and the time come in as arguments."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from bus.messages import (
    Health,
    HouseState,
    NodeState,
    Phase,
    PlayoutState,
    RequestAnswer,
    SessionState,
    TurnEvent,
    TurnKind,
)
from procs.web_gateway.core.metrics import Figures
from procs.web_gateway.core.waterfall import ENDS, MASTER, Turns

LATENCIES = {
    TurnKind.FIRST_TOKEN: "miku_prompt_to_first_token_seconds",
    TurnKind.FIRST_PIECE: "miku_prompt_to_first_piece_seconds",
    TurnKind.FIRST_AUDIO: "miku_prompt_to_first_audio_seconds",
    TurnKind.FIRST_FRAME: "miku_prompt_to_first_frame_seconds",
}
"""Milestone → histogram of the time since the prompt."""

HEALTH_FIGURES: dict[str, Callable[[Health], float]] = {
    "miku_process_uptime_seconds": lambda health: health.uptime_s,
    "miku_process_loop_lag_seconds": lambda health: health.loop_lag_ms / 1000,
    "miku_process_stale_messages_total": lambda health: health.dropped_stale,
    "miku_process_decode_errors_total": lambda health: health.decode_errors,
    "miku_process_gaps_total": lambda health: health.gaps,
    "miku_process_fenced_total": lambda health: health.fenced,
}
"""Metric → what it takes of a health level."""

PACE_FIGURES = {
    "deficit": ("miku_frames_deficit", 1.0),
    "gap_p99_ms": ("miku_frame_gap_p99_seconds", 0.001),
    "gap_max_ms": ("miku_frame_gap_max_seconds", 0.001),
}
"""A sink's fact → metric and unit."""

REFUSALS = ("stale", "doubled", "missed", "overflowed")
"""A sink's facts `frames_<reason>`."""

PLAYOUT_FIGURES = {
    "sent": "miku_frames_sent_total",
    "nulled": "miku_frames_nulled_total",
    "late": "miku_frames_late_total",
    "underruns": "miku_underruns_total",
}
"""Field of the playout level → metric."""

ANSWERS_KNOWN = 256
"""An answer is repeated until it is seen; so many are remembered, so that each counts once."""

CODES_KNOWN = 200
"""Labels may come from another process: beyond so many different codes the rest counts as `other`."""


class Tally:
    """Counts.

    Args:
        figures: what is counted into.
    """

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self.turns = Turns()
        self._pids: dict[str, int] = {}
        self._sessions: dict[tuple[str, str], SessionState] = {}
        self._playouts: dict[tuple[str, str], PlayoutState] = {}
        self._answers: OrderedDict[str, None] = OrderedDict()
        self._codes: set[str] = set()
        self._house_s: float | None = None

    # --- events ---------------------------------------------------------------------------------------

    def turn(self, session: str, number: int, stage: str, event: TurnEvent, at_ns: int) -> None:
        """A milestone, sent at `at_ns`."""
        if not self.turns.note(session, number, stage, event, at_ns):
            return
        since_s = self.turns.since_prompt_s(session, number, at_ns)
        if event.kind in LATENCIES and since_s is not None:
            self.figures.observe(LATENCIES[event.kind], since_s)
        if event.kind is TurnKind.FAILED:
            self.figures.add("miku_turn_failures_total", 1, stage, self._code(event.code))
        if stage == MASTER and event.kind in ENDS:
            self.figures.add("miku_turns_total", 1, event.kind.value)
            if since_s is not None:
                self.figures.observe("miku_turn_duration_seconds", since_s)

    def answer(self, answer: RequestAnswer) -> None:
        """What became of a request; repeats count once."""
        if answer.id in self._answers:
            return
        self._answers[answer.id] = None
        if len(self._answers) > ANSWERS_KNOWN:
            self._answers.popitem(last=False)
        self.figures.add("miku_requests_total", 1, self._code(answer.code))

    # --- levels ---------------------------------------------------------------------------------------

    def session(self, sink: str, session: str, state: SessionState | None) -> None:
        """A session's level has changed; None = lost."""
        before = self._sessions.pop((sink, session), None)
        was_active = before is not None and before.phase is Phase.ACTIVE
        is_active = state is not None and state.phase is Phase.ACTIVE
        if state is not None:
            self._sessions[sink, session] = state
            for now, then in (
                (state.refusal, before.refusal if before else ""),
                (state.reason, before.reason if before else ""),
            ):
                if now and now != then:
                    self.figures.add("miku_sessions_failed_total", 1, sink, self._code(now))
        self.figures.add("miku_sessions_started_total", is_active and not was_active, sink)
        self.figures.add("miku_sessions_ended_total", was_active and not is_active, sink)

    def playout(self, sink: str, session: str, state: PlayoutState | None) -> None:
        """A playout level has changed; its counters begin anew with each session."""
        before = self._playouts.pop((sink, session), PlayoutState(0, 0, 0, 0))
        if state is None:
            return
        self._playouts[sink, session] = state
        for name, metric in PLAYOUT_FIGURES.items():
            now, then = getattr(state, name), getattr(before, name)
            self.figures.add(metric, now - then if now >= then else now, sink)

    # --- once a second, and whenever somebody asks --------------------------------------------------------

    def processes(
        self, nodes: Iterable[str], health: Mapping[str, Health], age_s: Mapping[str, float]
    ) -> None:
        """How every process is; one without a level is down."""
        self.figures.clear("miku_process_health_age_seconds")
        for node in nodes:
            said = health.get(node)
            self.figures.put("miku_process_up", said is not None, node)
            for state in NodeState:
                is_state = said is not None and said.state is state
                self.figures.put("miku_process_state", is_state, node, state.value)
            self.figures.add("miku_process_restarts_total", 0, node)
            if said is None:
                continue
            self.figures.put("miku_process_health_age_seconds", age_s.get(node, 0.0), node)
            for metric, figure in HEALTH_FIGURES.items():
                self.figures.put(metric, figure(said), node)

    def restarts(self, pids: Mapping[str, int]) -> None:
        """Node → process id of all that are heard; one that differs from the last is a restart."""
        for node, pid in pids.items():
            self.figures.add("miku_process_restarts_total", self._pids.get(node, pid) != pid, node)
        self._pids.update(pids)

    def sinks(self, sinks: Iterable[str], health: Mapping[str, Health]) -> None:
        """What every sink holds and how it plays."""
        for sink in sinks:
            held = [state for (at, _), state in self._sessions.items() if at == sink]
            n_active = sum(state.phase is Phase.ACTIVE for state in held)
            self.figures.put("miku_sessions_active", n_active, sink)
            buffered_ms = sum(p.buffered_ms for (at, _), p in self._playouts.items() if at == sink)
            self.figures.put("miku_buffered_seconds", buffered_ms / 1000, sink)
            if sink in health:
                self._pace(sink, health[sink].facts)

    def house(self, house: HouseState | None, active_turns: int, wall_ms: int, now_s: float) -> None:
        """What waits and what stands back; the time since the last call counts for what is closed."""
        passed_s = now_s - self._house_s if self._house_s is not None else 0.0
        self._house_s = now_s
        self.figures.put("miku_turns_in_progress", active_turns)
        if house is None:
            return
        oldest_s = max(0, wall_ms - house.oldest_queued_ms) / 1000 if house.oldest_queued_ms else 0.0
        self.figures.put("miku_text_queue_length", house.queued)
        self.figures.put("miku_text_queue_oldest_seconds", oldest_s)
        for feature in house.features:
            self.figures.put("miku_feature_open", feature.is_open, feature.name)
            self.figures.put("miku_feature_in_service", not feature.code, feature.name)
            closed_s = 0.0 if feature.is_open else passed_s
            self.figures.add("miku_feature_closed_seconds_total", closed_s, feature.name)

    def bus(self, traffic: Mapping[str, tuple[int, int]]) -> None:
        """Topic → messages and bytes that came in."""
        for topic, (n_messages, n_bytes) in traffic.items():
            self.figures.put("miku_bus_messages_total", n_messages, topic)
            self.figures.put("miku_bus_bytes_total", n_bytes, topic)

    # --- inside ---------------------------------------------------------------------------------------

    def _pace(self, sink: str, facts: Mapping[str, str]) -> None:
        for fact, (metric, unit) in PACE_FIGURES.items():
            self.figures.put(metric, _number(facts.get(fact, "")) * unit, sink)
        for reason in REFUSALS:
            n_refused = _number(facts.get(f"frames_{reason}", ""))
            self.figures.put("miku_frames_refused_total", n_refused, sink, reason)

    def _code(self, code: str) -> str:
        if code not in self._codes and len(self._codes) >= CODES_KNOWN:
            return "other"
        self._codes.add(code)
        return code


def _number(text: str) -> float:
    """A fact as a number; 0 if it is none."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < float("inf") else 0.0
