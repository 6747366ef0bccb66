"""What the guardian needs of supervisord and of the machine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from bus.errors import TheirError
from procs.guardian.core.verdict import Program


class SupervisorGone(TheirError):
    """supervisord does not answer, or refuses since it is going down."""


@dataclass(frozen=True)
class Notice:
    """A change of a process, told by supervisord."""

    name: str
    state: str
    """The state it changed to."""
    from_state: str
    """The state it came from."""


class Supervisor(Protocol):
    """supervisord's ears. Every call blocks up to 2 s: call it from a thread.

    Raises:
        SupervisorGone: on every call, if it does not answer.
    """

    def programs(self) -> list[Program]:
        """Every process, the guardian's own too."""
        ...

    def start(self, name: str) -> None:
        """Start a stopped process; nothing if it runs."""
        ...

    def stop(self, name: str) -> None:
        """Stop a process without waiting for its end; nothing if it does not run."""
        ...

    def kill(self, name: str) -> None:
        """SIGKILL to a process; supervisord starts it again. Nothing if it does not run."""
        ...


class Notices(Protocol):
    """supervisord's mouth."""

    def notices(self) -> AsyncIterator[Notice]:
        """Changes from now on; ends when supervisord does."""
        ...


class Machine(Protocol):
    """What is seen of the machine. Every call blocks for milliseconds: call it from a thread."""

    def kill_orphans(self) -> int:
        """SIGKILL to processes that a dead program left behind; returns how many."""
        ...

    def settings_changed(self) -> bool:
        """Whether the settings file was changed since the last call."""
        ...
