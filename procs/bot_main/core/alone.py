"""When she leaves a voice channel in which nobody listens. Pure."""


class Alone:
    """How long one session has had no listeners."""

    def __init__(self) -> None:
        self._since_ms: int | None = None

    def is_over(self, n_listeners: int | None, silent_ms: int, limit_s: int, now_ms: int) -> bool:
        """Whether she should leave now.

        Args:
            n_listeners: people in the channel who are no bots; None = unknown at the moment.
            silent_ms: how long nobody has asked for anything: a prompt starts the time anew.
            limit_s: what the server's settings allow; 0 = she stays.
        """
        if n_listeners is None or n_listeners > 0:
            self._since_ms = None
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        return limit_s > 0 and min(now_ms - self._since_ms, silent_ms) >= limit_s * 1000
