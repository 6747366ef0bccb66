"""Who is frozen, and what the operator is told; pure.

A frozen process looks healthy to supervisord, which only sees exits. What gives it away is silence: each
node says once a second on the bus how it is. The judge must never act on a cause outside the process: a
missing backend (degraded) is fine, and a judge that was itself away hears nobody through no fault of
theirs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bus.messages import NodeState
from procs.guardian.core.budget import Standing

JUDGED = "RUNNING"
"""supervisord's state in which a process must show signs of life; in others it is dealt with already."""

NEWBORN_S = 60.0
"""A process that never spoke is given this long: imports on a cold disk, keys, a large model."""

ABSENCE_S = 2.0
"""A judge whose own tick comes this late was itself frozen or starved."""

RESTING_CODE = "process_resting"


@dataclass(frozen=True)
class Program:
    """A process as supervisord sees it."""

    name: str
    state: str
    """supervisord's word: RUNNING, STARTING, BACKOFF, EXITED, FATAL, STOPPED, ..."""
    pid: int
    """0 if there is none."""


@dataclass(frozen=True)
class Sign:
    """The last sign of life of a node."""

    pid: int
    state: NodeState
    heard_s: float


@dataclass(frozen=True)
class Patience:
    """How long silence is waited out."""

    silence_s: float
    loading_silence_s: float

    def with_state(self, state: NodeState) -> float:
        """A loading process may hold the interpreter for long; one that works may not."""
        slow = state in (NodeState.STARTING, NodeState.LOADING)
        return max(self.silence_s, self.loading_silence_s) if slow else self.silence_s


class Attention:
    """Since when the judge has been listening without a break."""

    def __init__(self, now_s: float) -> None:
        self.since_s = now_s
        self._last_s = now_s

    def tick(self, now_s: float) -> None:
        """Called regularly; a late call means that the judge was away."""
        if now_s - self._last_s > ABSENCE_S:
            self.since_s = now_s
        self._last_s = now_s


def silence(
    program: Program, running_since_s: float, sign: Sign | None, attentive_since_s: float, now_s: float
) -> float:
    """Seconds for which a process could have been heard and was not."""
    own = sign is not None and sign.pid == program.pid
    last_s = sign.heard_s if sign is not None and own else running_since_s
    return now_s - max(last_s, attentive_since_s)


def is_frozen(
    program: Program, sign: Sign | None, silence_s: float, patience: Patience, *, deaf: bool
) -> bool:
    """Whether to replace a process.

    Args:
        sign: its node's last sign of life, perhaps of an earlier process.
        silence_s: from `silence`.
        deaf: nobody at all was heard so far: then a process that never spoke is not to blame.
    """
    if program.state != JUDGED:
        return False
    if sign is None or sign.pid != program.pid:
        return not deaf and silence_s > max(NEWBORN_S, patience.loading_silence_s)
    return silence_s > patience.with_state(sign.state)


def alarm(standings: Iterable[tuple[str, Standing, float]], now_s: float) -> tuple[NodeState, str, str]:
    """What health says: state, code, detail.

    Args:
        standings: (name, standing, time of the next try) of every process.
    """
    resting = [
        f"{name} rests, next try in {max(0, round(retry_at_s - now_s))} s"
        for name, standing, retry_at_s in standings
        if standing is Standing.RESTING
    ]
    if resting:
        return NodeState.DEGRADED, RESTING_CODE, "; ".join(resting)
    return NodeState.READY, "", ""
