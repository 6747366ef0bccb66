"""Which turns are alive, from the levels of sessions and turns. Pure.

A turn is dead when it lies below the largest floor ever seen of its session or below the session's
start, and whenever its session does not live. Nothing is flushed by hand: stale data drops itself.
"""

from bus.messages import Phase, SessionState

LIVE_PHASES = (Phase.STARTING, Phase.ACTIVE)
"""Phases in which turns may live; STOPPING silences everything at once."""


class Floors:
    """Largest floor seen per session; floors never fall, not even when their writer restarts."""

    def __init__(self) -> None:
        self._floors: dict[str, int] = {}

    def raise_to(self, session: str, floor: int) -> None:
        """Take a floor in; a lower one than known is ignored."""
        self._floors[session] = max(floor, self._floors.get(session, 0))

    def floor(self, session: str) -> int:
        """Largest floor seen, 0 if none."""
        return self._floors.get(session, 0)

    def is_live(self, session: str, turn: int, state: SessionState | None) -> bool:
        """Whether a turn may still be worked on; `state` is the session's level, None when lost."""
        if state is None or state.phase not in LIVE_PHASES:
            return False
        return turn >= max(self.floor(session), state.since_ms)

    def keep(self, sessions: set[str]) -> None:
        """Forget the floors of sessions that are gone; ids are never used again."""
        self._floors = {s: f for s, f in self._floors.items() if s in sessions}
