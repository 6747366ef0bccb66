"""The way of the newest turns through the processes, for the page and for the latency metrics. Pure.

Times are send times of this machine's monotonic clock, counted from the first sign of a turn. A milestone
is an event and may be lost: what was not reported is not shown.
"""

from dataclasses import dataclass, field

from bus.messages import TurnEvent, TurnKind

TURN_LIMIT = 32
"""Turns remembered; the oldest are forgotten."""

MASTER = "bot_main"
"""Its end of a turn is the turn's end."""

ENDS = (TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED)


@dataclass(frozen=True)
class Milestone:
    """A stage reached a point of a turn."""

    stage: str
    kind: TurnKind
    at_ns: int
    code: str


@dataclass
class Turn:
    """One turn."""

    session: str
    number: int
    milestones: dict[tuple[str, TurnKind], Milestone] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """`done`, `cut`, `failed`, or empty while it goes on."""
        return next((kind.value for kind in ENDS if (MASTER, kind) in self.milestones), "")

    def shown(self) -> dict[str, object]:
        """For the page: milestones by time, in ms since the first."""
        in_order = sorted(self.milestones.values(), key=lambda m: m.at_ns)
        return {
            "session": self.session,
            "turn": self.number,
            "outcome": self.outcome,
            "milestones": [
                {
                    "stage": m.stage,
                    "kind": m.kind.value,
                    "at_ms": round((m.at_ns - in_order[0].at_ns) / 1e6, 1),
                    "code": m.code,
                }
                for m in in_order
            ],
        }


class Turns:
    """The newest turns of all sessions."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, int], Turn] = {}

    def note(self, session: str, number: int, stage: str, event: TurnEvent, at_ns: int) -> bool:
        """Take a milestone in; returns whether it is the first report of it."""
        turn = self._turns.setdefault((session, number), Turn(session, number))
        if len(self._turns) > TURN_LIMIT:
            del self._turns[next(iter(self._turns))]
        if (stage, event.kind) in turn.milestones:
            return False
        turn.milestones[stage, event.kind] = Milestone(stage, event.kind, at_ns, event.code)
        return True

    def since_prompt_s(self, session: str, number: int, at_ns: int) -> float | None:
        """Seconds from the prompt to a moment of its turn; None if the prompt was not seen."""
        turn = self._turns.get((session, number))
        accepted = turn and turn.milestones.get((MASTER, TurnKind.ACCEPTED))
        return max(0, at_ns - accepted.at_ns) / 1e9 if accepted else None

    def shown(self, limit: int) -> list[dict[str, object]]:
        """The newest turns, newest first."""
        return [turn.shown() for turn in list(self._turns.values())[::-1][:limit]]
