"""What the front asks of the rest of the bot: the text features behind one door."""

from collections.abc import Callable, Sequence
from typing import Protocol

from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.features.base import Call


class House(Protocol):
    """The text features, their gate and the inbox of what waits for the end of a session."""

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    def offer(self, message: Incoming) -> None:
        """A message that is neither a command nor a prompt."""
        ...

    def is_wish(self, message: Incoming) -> bool:
        """Whether a message asks for what is explained while she speaks, rather than for an answer."""
        ...

    def edited(self, message: Incoming) -> None:
        """A message that was offered has new words."""
        ...

    def deleted(self, message_ids: tuple[int, ...]) -> None:
        """Messages are gone."""
        ...

    async def command(self, call: Call) -> str:
        """A command of a feature; returns what to answer, empty = it was answered."""
        ...

    def dealt_with(self, message: Incoming) -> None:
        """A message that was a command or a prompt: it is none that was missed."""
        ...

    def attend(self, channel_id: int, since_id: int) -> None:
        """From now on, what is written in a channel is fetched after an absence, whoever wrote there before.

        Args:
            since_id: of a message or a click, whatever comes after it.
        """
        ...

    async def take_over(self, messages: Sequence[Incoming]) -> bool:
        """Prompts that are to be answered in writing; whether they are kept on disk now."""
        ...

    def online(self, sift: Callable[[Incoming], Incoming | None]) -> None:
        """The gateway session is new: what was written meanwhile may be fetched.

        Args:
            sift: what each of these messages is to the house; None if it was dealt with elsewhere.
        """
        ...

    def offline(self) -> None:
        """The gateway session is lost: until the next one, nothing that happens is told."""
        ...

    def queue_text(self, person: Person, guild_id: int) -> str:
        """What of a person's messages waits, as text; empty = nothing."""
        ...
