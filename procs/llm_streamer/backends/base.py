"""What the app expects of a language model server."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bus.messages import NodeState, Prompt, Token


@dataclass(frozen=True)
class ServerStatus:
    """What is known of the server."""

    state: NodeState
    """READY, LOADING or DEGRADED."""
    code: str = ""
    """Error code unless ready."""
    detail: str = ""
    """One technical line."""
    model: str = ""
    """Model that answers, empty if unknown."""


@dataclass(frozen=True)
class Waiting:
    """Instead of a token: there will be another attempt, and this is why."""

    code: str
    detail: str


class LlmBackend(Protocol):
    """A server that turns a prompt into a stream of tokens. Any number of replies at a time."""

    address: str
    """Where it is, for people."""

    def reply(self, prompt: Prompt) -> AsyncGenerator[Token | Waiting, None]:
        """The reply's tokens as they come, the last one final, exactly once.

        Closing the generator, or cancelling its consumer, ends the server's work at once. A reply of which
        anything was yielded is never begun again.

        Raises:
            BackendError: there is no (whole) reply; the code says why.
        """
        ...

    async def probe(self) -> ServerStatus:
        """Ask, cheaply, how the server is. Never raises."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
