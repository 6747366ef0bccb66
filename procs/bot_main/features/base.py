"""What a feature is, and what it is given.

A file of this folder has `make(kit) -> Feature` and a row in `core/gate.py`; nothing else knows it. A
feature never asks whether a session runs: the house offers it messages only while its gate is open, and
whatever it does by itself it does inside `kit.gate.work(name)`, once `kit.gate.may_begin(name)` lets it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bus import Bus
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.backends.base_model import TextModel
from procs.bot_main.core.chat import Incoming, Invoked, Person
from procs.bot_main.shelf import Shelf

S = TypeVar("S")


class Gate(Protocol):
    """Whether features may work now; computed from the session levels, never set."""

    def is_open(self, feature: str) -> bool:
        """Whether the feature may begin something now."""
        ...

    def may_begin(self, feature: str) -> bool:
        """As `is_open`, asked for something that is due: if it must wait, the log has it, once a session."""
        ...

    async def opened(self, feature: str) -> None:
        """Wait until it may."""
        ...

    def work(self, feature: str, *, comes_again: bool = False) -> AbstractAsyncContextManager[bool]:
        """Do a piece of work: `async with kit.gate.work("vision") as allowed: if allowed: ...`.

        False = closed, do nothing. When a session starts, the body is cancelled or finished as the row says;
        the session waits for it for a bounded time.

        Args:
            comes_again: whether what is cut off here is done again by itself afterwards: then a body that
                does not finish in time is cancelled, so that it keeps no card busy.
        """
        ...


@dataclass(frozen=True)
class Call:
    """A command that belongs to a feature, whichever door it came through."""

    command: str
    """Name in the table of commands."""
    text: str
    """Everything after the command's name."""
    guild_id: int
    channel_id: int
    message_id: int
    """0 for slash and button."""
    person: Person
    invoked: Invoked | None = None


class Feature(Protocol):
    """One feature of the text bot."""

    name: str

    async def run(self) -> None:
        """Work in the background until cancelled; one with nothing to do there just returns."""
        ...

    def wants(self, message: Incoming) -> bool:
        """Whether a message asks for this feature. Fast and without effects: it is asked while closed too."""
        ...

    async def take(self, message: Incoming) -> None:
        """Do what the message asks. A service that is down costs one clear line, posted by the feature.

        Raises:
            BackendError: told to who asked, with cause and remedy, by the house.
        """
        ...

    async def command(self, call: Call) -> str:
        """Carry out one of its commands; returns what to answer, empty = it has answered itself.

        Raises:
            BackendError: as for `take`.
        """
        ...


class Unasked:
    """What a feature is besides that no message asks for: it works by itself and by commands."""

    def wants(self, message: Incoming) -> bool:
        """See `Feature`."""
        return False

    async def take(self, message: Incoming) -> None:
        """It never wants one."""


async def look_for_ever(
    gate: Gate, feature: str, look: Callable[[], Awaitable[object]], every_s: float
) -> None:
    """Look every so many seconds whether there is something to do, and as soon as a closed gate opens.

    It is looked while the gate is closed too, so that the log has what is due then: see `Gate.may_begin`.
    """
    while True:
        await look()
        pause = asyncio.sleep(every_s) if gate.is_open(feature) else gate.opened(feature)
        with suppress(TimeoutError):
            await asyncio.wait_for(pause, every_s)


class Hearing(Feature, Protocol):
    """A feature that notices what is written, whoever it is for; where there is one, the house tells it."""

    def heard(self, message: Incoming) -> None:
        """Somebody wrote something that is no command. Fast, and keeps a bounded number; never raises."""
        ...


class Answering(Feature, Protocol):
    """A feature whose row says QUEUED: it makes answers, and the house posts each exactly once."""

    async def answer(self, message: Incoming) -> str:
        """The answer to a message.

        Raises:
            BackendError: tried again later, or told to who asked.
        """
        ...


@dataclass(frozen=True)
class Kit:
    """What every feature is given."""

    bus: Bus
    """For its log and its clock."""
    chat: ChatBackend
    gate: Gate
    shelf: Shelf
    """What it must remember."""
    text: TextModel
    """Written answers."""
    services: dict[type, Any]
    """Service protocol of `backends/base_*.py` → what implements it."""
    settings: dict[type, Any]
    """Section class → its values."""
    name: str = "Miku"

    def service(self, protocol: type[S]) -> S:
        """A foreign service."""
        found: S = self.services[protocol]
        return found

    def section(self, section: type[S]) -> S:
        """A section of the settings."""
        found: S = self.settings[section]
        return found
