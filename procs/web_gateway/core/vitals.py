"""Signs of life of one connection: when to ping, when it is dead, when it is inactive. Pure; ms come in."""

PING_MS = 15_000
HEARTBEAT_MS = 50_000
DEAD_MS = 45_000
"""Three pings without an answer, from a client that answers pings."""
INACTIVE_MS = 60_000
"""Nothing came and nothing was played, with a client that does not."""


class Vitals:
    """One connection."""

    def __init__(self, now_ms: int) -> None:
        self._pinged_ms = self._beat_ms = self._came_ms = self._active_ms = now_ms

    def came(self, now_ms: int) -> None:
        """Something came from the client."""
        self._came_ms = self._active_ms = now_ms

    def played(self, now_ms: int) -> None:
        """Sound was sent."""
        self._active_ms = now_ms

    def ping_due(self, now_ms: int) -> bool:
        """Whether to ping now; asked once."""
        if now_ms - self._pinged_ms < PING_MS:
            return False
        self._pinged_ms = now_ms
        return True

    def heartbeat_due(self, now_ms: int) -> bool:
        """Whether to say the heartbeat now; asked once."""
        if now_ms - self._beat_ms < HEARTBEAT_MS:
            return False
        self._beat_ms = now_ms
        return True

    def is_dead(self, now_ms: int, *, answers_pings: bool) -> bool:
        """Whether a client that answers pings has stopped to."""
        return answers_pings and now_ms - self._came_ms >= DEAD_MS

    def is_inactive(self, now_ms: int) -> bool:
        """Whether nothing has happened for long."""
        return now_ms - self._active_ms >= INACTIVE_MS
