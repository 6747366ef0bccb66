"""How much of a turn may be sent ahead of what was heard: credit from the sink's playout reports.

Reports are cumulative, so a lost one heals with the next. Pure.
"""

from bus.messages import PlayoutState


class Window:
    """The window of one turn.

    Args:
        turn: the turn.
        limit_ms: sound that may wait unheard: what a barge-in throws away at most.
    """

    def __init__(self, turn: int, limit_ms: int) -> None:
        self._turn = turn
        self._limit_ms = limit_ms
        self._gone_ms = 0
        self._over = False
        self._newest: PlayoutState | None = None

    def report(self, state: PlayoutState | None, sent_ms: int) -> bool:
        """Take the sink's newest report in; None if there is none.

        Args:
            sent_ms: sound of this turn sent so far.

        Returns:
            Whether the sink has moved since the last report.
        """
        before, self._newest = self._newest, state
        if state is None:
            return False
        if before is not None and state.sent < before.sent:
            # A sink that counts from the start again has lost what it held: nothing of it will be heard.
            self._gone_ms = sent_ms
        if state.turn == self._turn:
            self._gone_ms = max(self._gone_ms, state.played_ms)
        self._over = state.turn > self._turn or state.finished_turn >= self._turn
        return before is None or (before.turn, before.played_ms, before.sent) != (
            state.turn,
            state.played_ms,
            state.sent,
        )

    def room_ms(self, sent_ms: int) -> int:
        """Sound that may be sent now; without bound once the sink is done with the turn, which drops it."""
        if self._over:
            return self._limit_ms
        return max(0, self._limit_ms - (sent_ms - self._gone_ms))
