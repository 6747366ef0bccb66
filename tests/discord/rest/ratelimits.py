"""Rate limits of the HTTP API: a bucket per route and major parameter, and one for all requests of a bot.

Source: "Rate Limits" of Discord's documentation. The numbers of single routes are not documented; those here
are what clients have seen.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import NamedTuple


class Limit(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    window_s: float


@dataclass
class Bucket:
    """What is left of one limit until it is filled again."""

    limit: Limit
    remaining: int
    reset_at: float
    """Monotonic seconds."""

    def take(self, now: float) -> bool:
        """Takes one request out; False if none is left."""
        if now >= self.reset_at:
            self.remaining = self.limit.requests
            self.reset_at = now + self.limit.window_s
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        return True


class Exceeded(NamedTuple):
    """A request too many."""

    retry_after_s: float
    is_global: bool
    scope: str
    """user, global or shared."""


class RateLimits:
    """All buckets."""

    def __init__(self, requests_per_second: int) -> None:
        self._global = Limit(requests_per_second, 1.0)
        self._buckets: dict[str, Bucket] = {}

    def take_global(self, bot: str) -> Exceeded | None:
        """Counts a request of a bot against the limit over all routes."""
        bucket = self._bucket(f"global {bot}", self._global)
        now = time.monotonic()
        return None if bucket.take(now) else Exceeded(bucket.reset_at - now, True, "global")

    def take(self, who: str, route: str, major: str, limit: Limit) -> tuple[dict[str, str], Exceeded | None]:
        """Counts a request against its route's bucket; the headers for its answer."""
        bucket = self._bucket(f"{who} {route} {major}", limit)
        now = time.monotonic()
        exceeded = None if bucket.take(now) else Exceeded(bucket.reset_at - now, False, "user")
        left_s = max(0.0, bucket.reset_at - now)
        headers = {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Reset": f"{time.time() + left_s:.3f}",
            "X-RateLimit-Reset-After": f"{left_s:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
        }
        return headers, exceeded

    def _bucket(self, key: str, limit: Limit) -> Bucket:
        return self._buckets.setdefault(key, Bucket(limit, limit.requests, 0.0))
