"""Sessions in browsers: not served yet, so every join is refused by name."""

import asyncio
from collections.abc import Callable

from bus.errors import BackendError
from bus.messages import Intent
from procs.sink.backends.base import Source, VoiceEvent


class Browsers:
    """Implements `VoiceBackend`."""

    name = "browsers"

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Nothing happens by itself."""
        await asyncio.Event().wait()

    async def connect(self, session: str, intent: Intent) -> None:
        """Refuse."""
        raise BackendError("sink_failed", "no browser is connected")

    async def leave(self, session: str) -> None:
        """There is nothing to release."""

    def play(self, session: str, turn: int, source: Source) -> None:
        """Never called: nothing ever connects."""
