"""What waits to be sent to one client. Pure: bounded, with a policy for each kind.

Sound is only worth its moment: when 5 s of it wait, all of it is left out. Events are never left out: a
client that does not take them is too slow.
"""

from collections import deque
from dataclasses import dataclass

SOUND_LIMIT = 250
"""Frames of 20 ms."""

TEXT_LIMIT = 2_000
"""Events."""

TEXT_LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One WebSocket message."""

    text: str = ""
    sound: bytes = b""
    close: int = 0
    """Close code; nothing follows it."""


class Outbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._n_sound = 0
        self._n_text_bytes = 0

    def put_text(self, text: str) -> bool:
        """Queue an event; False if too many wait."""
        if len(self._items) - self._n_sound >= TEXT_LIMIT or self._n_text_bytes > TEXT_LIMIT_BYTES:
            return False
        self._items.append(Item(text=text))
        self._n_text_bytes += len(text)
        return True

    @property
    def is_full_of_sound(self) -> bool:
        """Whether the client has fallen behind by the limit."""
        return self._n_sound >= SOUND_LIMIT

    def put_sound(self, sound: bytes) -> None:
        """Queue a frame."""
        self._items.append(Item(sound=sound))
        self._n_sound += 1

    def drop_sound(self) -> int:
        """Leave all waiting sound out; returns how many frames that were."""
        dropped = self._n_sound
        self._items = deque(item for item in self._items if not item.sound)
        self._n_sound = 0
        return dropped

    def put_close(self, code: int) -> None:
        """Close behind what waits."""
        self._items.append(Item(close=code))

    def take(self) -> Item | None:
        """The next message; None if nothing waits."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._n_sound -= bool(item.sound)
        self._n_text_bytes -= len(item.text)
        return item

    def __len__(self) -> int:
        return len(self._items)
