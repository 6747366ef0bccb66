"""What bot_main asks of a language model for written answers; spoken ones go over the bus."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bus.messages import ChatMessage


@dataclass(frozen=True)
class Picture:
    """A picture for a model with eyes."""

    media_type: str
    data: bytes = field(repr=False)


class TextModel(Protocol):
    """Answers a conversation, whole."""

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 400,
        model: str = "",
        pictures: Sequence[Picture] = (),
    ) -> str:
        """The answer's text.

        Args:
            model: name at the server, empty = the route's own.
            pictures: shown with the last message.

        Raises:
            BackendError: `llm_...`; the server's status is in the detail, nothing of its words.
        """
        ...
