"""Which waiting request is next: one of each client in turn, so that nobody's backlog delays another.

Pure. Bounded: requests per client and clients at once; what does not fit is refused by the caller.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Requests by client, in order within a client, in turn between clients.

    Args:
        per_client: requests one client may have waiting.
        clients: clients that may have requests waiting.
    """

    def __init__(self, per_client: int, clients: int) -> None:
        self._per_client = per_client
        self._clients = clients
        self._waiting: dict[bytes, deque[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, client: bytes, request: T) -> bool:
        """Add a request behind the client's others; False when a bound is reached."""
        own = self._waiting.get(client)
        if own is None:
            if len(self._waiting) >= self._clients:
                return False
            own = self._waiting[client] = deque()
        if len(own) >= self._per_client:
            return False
        own.append(request)
        return True

    def take(self) -> T | None:
        """The next request, of the client that has waited longest for its turn; None when empty."""
        if not self._waiting:
            return None
        client = next(iter(self._waiting))
        own = self._waiting.pop(client)
        request = own.popleft()
        if own:
            self._waiting[client] = own  # behind all other clients
        return request

    def remove(self, client: bytes, unwanted: Callable[[T], bool]) -> None:
        """Take out those of a client's requests that are unwanted."""
        kept = deque(request for request in self._waiting.get(client, ()) if not unwanted(request))
        if kept:
            self._waiting[client] = kept
        else:
            self._waiting.pop(client, None)
