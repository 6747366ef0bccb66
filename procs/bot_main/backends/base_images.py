"""What bot_main asks of whatever sees and makes pictures."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from procs.bot_main.backends.base_model import Picture, TextModel
from procs.bot_main.core.chat import Attachment


class VisionModel(TextModel, Protocol):
    """A language model with eyes: the text model of the vision route."""


class Attachments(Protocol):
    """Fetches what people attach to messages."""

    async def pictures(self, attachment: Attachment) -> list[Picture]:
        """The attachment as a model sees it: one picture, or a few of a GIF or a video, in their order.

        Raises:
            BackendError: `attachment_unreachable`, `attachment_too_large`, `attachment_unreadable`; `busy`
                while too many others are being looked at.
        """
        ...


@dataclass(frozen=True)
class Stage:
    """How far a picture is."""

    ahead: int = 0
    """Pictures that the server makes before it; 0 = it is being made."""
    percent: int = 0
    """Of the step under way."""


@dataclass(frozen=True)
class Painted:
    """A finished picture."""

    name: str
    """File name with its ending."""
    data: bytes = field(repr=False)


class Painter(Protocol):
    """A server that makes pictures from words."""

    def paint(self, prompt: str, seed: int) -> AsyncGenerator[Stage | Painted, None]:
        """Make a picture: stages at least each few seconds, then the picture, once, as the last.

        Closing the generator, or cancelling its consumer, takes the work off the server, within 2 s.

        Raises:
            BackendError: `drawing_...`; there is no picture.
        """
        ...
