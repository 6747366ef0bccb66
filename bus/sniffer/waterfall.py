"""The way of each turn through the processes: milestones, counts, and where the time went. Pure.

Milestones come from `report.turn.*`; an event may be lost, so the first token and the first frame are also
taken from the taps. Times are send times of this machine's monotonic clock, counted from the first sign
of the turn, which is `accepted` unless that was missed.
"""

from dataclasses import dataclass, field

from bus.messages import TurnKind
from bus.sniffer.output import Line, Row, shown_number, shown_time
from bus.sniffer.taps import Tapped
from bus.topics import SINKS

PREFIXES = ("report.turn.", "report.playout.", "flow.prompt", "flow.token", "flow.audio.")
"""What a waterfall is made of."""

LAST_STAGES = {"bot_main", *SINKS}
"""Stages that end last: without one of them a turn is not over."""

KINDS = tuple(TurnKind)
"""Milestones known; others are not shown, since nobody knows what they hold."""

ENDS = (TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED)

FAILED_QUIET_NS = 1_000_000_000
"""A turn that failed or was cut somewhere is over once nothing happened to it for this long."""

ABANDONED_QUIET_NS = 10_000_000_000
"""A turn that ended only in some stages is given up after this long: the others have died."""

TURN_LIMIT = 64
"""Turns remembered; the oldest are forgotten."""

BAR_CELLS = 30


@dataclass(frozen=True)
class Milestone:
    """A stage reached a point of a turn."""

    stage: str
    name: str
    at_ns: int
    code: str = ""

    @property
    def is_end(self) -> bool:
        """Whether the stage is finished with the turn."""
        return self.name in ENDS


@dataclass
class Waterfall:
    """One turn."""

    session: str
    turn: int
    milestones: dict[tuple[str, str], Milestone] = field(default_factory=dict)
    n_tokens: int = 0
    n_frames: int = 0
    played_ms: int = 0
    last_ns: int = 0
    is_told: bool = False
    """Whether it was handed out as over."""

    def note(self, stage: str, name: str, at_ns: int, code: str = "") -> None:
        """A milestone; the first report of it counts."""
        self.milestones.setdefault((stage, name), Milestone(stage, name, at_ns, code))
        self.last_ns = max(self.last_ns, at_ns)

    def in_order(self) -> list[Milestone]:
        """The milestones by time."""
        return sorted(self.milestones.values(), key=lambda m: m.at_ns)

    @property
    def outcome(self) -> str:
        """`failed` or `cut` if any stage says so; `done` once it has ended everywhere; else `unfinished`."""
        ends = {m.name for m in self.milestones.values() if m.is_end}
        if TurnKind.FAILED in ends or TurnKind.CUT in ends:
            return TurnKind.FAILED.value if TurnKind.FAILED in ends else TurnKind.CUT.value
        return TurnKind.DONE.value if self._has_ended() else "unfinished"

    def is_over(self, now_ns: int) -> bool:
        """Whether it has ended everywhere, or nothing more is to be expected."""
        is_broken = self.outcome in (TurnKind.FAILED, TurnKind.CUT)
        patience_ns = FAILED_QUIET_NS if is_broken else ABANDONED_QUIET_NS
        is_given_up = any(m.is_end for m in self.milestones.values()) and now_ns - self.last_ns > patience_ns
        return self._has_ended() or is_given_up

    def _has_ended(self) -> bool:
        ended = {m.stage for m in self.milestones.values() if m.is_end}
        return bool(ended & LAST_STAGES) and {stage for stage, _ in self.milestones} <= ended


class Waterfalls:
    """The newest turns of all sessions."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, int], Waterfall] = {}

    def observe(self, tapped: Tapped) -> None:
        """Take a message in; what belongs to no turn is ignored.

        Raises:
            DecodeError: its body can't be read.
        """
        if tapped.topic.startswith("report.playout."):
            self._heard(tapped)
        elif tapped.header.turn:
            self._reached(self._of(tapped.header.session, tapped.header.turn), tapped)

    def get(self, turn: int) -> Waterfall | None:
        """The newest session's turn of that number."""
        return next((w for (_, number), w in reversed(self._turns.items()) if number == turn), None)

    def newest(self) -> Waterfall | None:
        """The turn that began last."""
        return next(reversed(self._turns.values()), None)

    def take_over(self, now_ns: int) -> list[Waterfall]:
        """Turns that are over since the last call."""
        over = [w for w in self._turns.values() if not w.is_told and w.is_over(now_ns)]
        for waterfall in over:
            waterfall.is_told = True
        return over

    def _reached(self, waterfall: Waterfall, tapped: Tapped) -> None:
        at_ns, src, body = tapped.header.mono_ns, tapped.header.src, tapped.body
        if tapped.topic.startswith("report.turn."):
            if body.get("kind") in KINDS:
                waterfall.note(src, body["kind"], at_ns, str(body.get("code", "")))
        elif tapped.topic == "flow.prompt":
            waterfall.note(src, TurnKind.ACCEPTED, at_ns)
        elif tapped.topic == "flow.token":
            waterfall.n_tokens += 1
            waterfall.note(src, TurnKind.FIRST_TOKEN, at_ns)
        elif body.get("pcm"):
            waterfall.n_frames += 1
            waterfall.note(src, TurnKind.FIRST_AUDIO, at_ns)

    def _heard(self, tapped: Tapped) -> None:
        """A playout level names its turn in the body; it repeats, so only progress is a sign of life."""
        turn, played_ms = tapped.body.get("turn"), tapped.body.get("played_ms")
        waterfall = self._turns.get((tapped.header.session, turn)) if isinstance(turn, int) else None
        if waterfall and isinstance(played_ms, int) and played_ms > waterfall.played_ms:
            waterfall.played_ms = played_ms
            waterfall.last_ns = max(waterfall.last_ns, tapped.header.mono_ns)

    def _of(self, session: str, turn: int) -> Waterfall:
        key = (session, turn)
        if key not in self._turns:
            self._turns[key] = Waterfall(session, turn)
            if len(self._turns) > TURN_LIMIT:
                del self._turns[next(iter(self._turns))]
        return self._turns[key]


def waterfall_line(waterfall: Waterfall) -> Line:
    """A turn as a waterfall: time since its start, time since the milestone before, and a bar."""
    milestones = waterfall.in_order()
    start_ns = milestones[0].at_ns if milestones else 0
    span_ns = max((milestones[-1].at_ns - start_ns) if milestones else 0, 1)
    rows = [_row(*pair, start_ns) for pair in zip(milestones, [*milestones[:1], *milestones], strict=False)]
    text = [_title(waterfall, span_ns)]
    for milestone, row in zip(milestones, rows, strict=True):
        n_cells = round((milestone.at_ns - start_ns) / span_ns * BAR_CELLS)
        text.append(
            f"  {row['stage']:<14} {row['name']:<12} {row['at_ms']:>9,.1f} ms  +{row['after_ms']:>8,.1f}"
            f"  {'·' * n_cells}█ {row['code']}".rstrip()
        )
    data: Row = {
        "kind": "turn",
        "session": waterfall.session,
        "turn": waterfall.turn,
        "outcome": waterfall.outcome,
        "tokens": waterfall.n_tokens,
        "frames": waterfall.n_frames,
        "played_ms": waterfall.played_ms,
        "milestones": rows,
    }
    return Line("\n".join(text), data)


def _row(milestone: Milestone, before: Milestone, start_ns: int) -> Row:
    return {
        "stage": milestone.stage,
        "name": str(milestone.name),
        "at_ms": round((milestone.at_ns - start_ns) / 1e6, 3),
        "after_ms": round((milestone.at_ns - before.at_ns) / 1e6, 3),
        "code": milestone.code,
    }


def _title(waterfall: Waterfall, span_ns: int) -> str:
    return (
        f"turn {waterfall.turn} ({shown_time(waterfall.turn * 1_000_000)}) "
        f"of {waterfall.session or 'no session'}: {waterfall.outcome} "
        f"after {shown_number(span_ns / 1e6)} ms; {waterfall.n_tokens} tokens, "
        f"{waterfall.n_frames} frames ({shown_number(waterfall.n_frames * 20)} ms of sound), "
        f"{shown_number(waterfall.played_ms)} ms heard"
    )
