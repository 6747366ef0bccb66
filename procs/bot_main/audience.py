"""Whoever wants to know what becomes of sessions and turns."""

from typing import Protocol

from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.record import Ended
from procs.bot_main.core.running import Asked


class Audience(Protocol):
    """Called in the event loop; never blocks."""

    def turn_started(self, conversation: Conversation, asked: Asked) -> None:
        """A prompt is being answered."""
        ...

    def turn_ended(self, conversation: Conversation, ended: Ended) -> None:
        """A turn is over."""
        ...

    def session_changed(self, conversation: Conversation) -> None:
        """It has begun, its sink has spoken, or it is no longer wanted (`end_code` says why)."""
        ...
