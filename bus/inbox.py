"""Bounded queues between a socket and an app, read as async iterators.

Two policies: a flow's inbox pauses its socket when full (backpressure reaches the writer), an event's
inbox drops the oldest (the observer pays).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue with one reader.

    Args:
        limit: items held at most.
        on_full: called when the last place is taken (pause the socket); without it the oldest is dropped.
        on_room: called when half is free again.
    """

    def __init__(
        self, limit: int, on_full: Callable[[], None] | None = None, on_room: Callable[[], None] | None = None
    ) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._limit = limit
        self._on_full = on_full
        self._on_room = on_room
        self._ready = asyncio.Event()
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item."""
        if len(self._items) == self._limit:
            self.dropped += 1
        self._items.append(item)
        self._ready.set()
        if self._on_full and len(self._items) == self._limit:
            self._on_full()

    async def get(self) -> T:
        """The oldest item; waits for one."""
        while not self._items:
            self._ready.clear()
            await self._ready.wait()
        item = self._items.popleft()
        if self._on_room and len(self._items) == self._limit // 2:
            self._on_room()
        return item
