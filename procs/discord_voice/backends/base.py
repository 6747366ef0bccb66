"""The seam between the voice node and where she speaks in Discord: a sink's, and the credentials."""

from typing import Protocol

from bus.messages import VoiceLink
from procs.sink.backends.base import VoiceBackend


class LinkedBackend(VoiceBackend, Protocol):
    """A sink that is fed with credentials for its voice connections."""

    def link(self, session: str, link: VoiceLink | None) -> None:
        """The newest credentials of a session; None = nobody renews them any more. Called on each change.

        The last ones stay good without their writer: a dead `bot_main` costs no sound.
        """
        ...

    def facts(self) -> dict[str, str]:
        """Figures for health: how the connections fare."""
        ...
