"""The seam between the HTTP side of the gateway and the bus: what backends may ask and see."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from bus.messages import RequestAnswer, RequestKind
from procs.sink.backends.base import VoiceBackend


class Heard(Protocol):
    """An event of the bus (`bus.interface.Received`)."""

    @property
    def topic(self) -> str:
        """Which one."""
        ...

    @property
    def header(self) -> Any:
        """`bus.header.Header`: who sent it, and when."""
        ...

    @property
    def message(self) -> Any:
        """What it says."""
        ...

    @property
    def session(self) -> str:
        """Session id, empty outside one."""
        ...

    @property
    def turn(self) -> int:
        """Turn, 0 outside one."""
        ...


class Desk(Protocol):
    """The bus as the gateway's backends see it."""

    def levels(self, topic: str) -> list[tuple[str, str, Any]]:
        """(src, session, message) of every living level of a topic or prefix that the node reads."""
        ...

    def level(self, topic: str, session: str = "", src: str = "") -> Any | None:
        """One living level, None when lost or never there."""
        ...

    def events(self, topic: str) -> AsyncIterator[Heard]:
        """Events of a topic (or prefix with a dot) that the node reads, from now on; oldest dropped."""
        ...

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Topic → messages and bytes that came in since the start."""
        ...

    def is_live(self, session: str, turn: int) -> bool:
        """Whether a turn may still be heard."""
        ...

    def mono_ms(self) -> int:
        """Monotonic clock."""
        ...

    def wall_ms(self) -> int:
        """Wall clock, for people."""
        ...

    async def ask(
        self, kind: RequestKind, text: str = "", session: str = "", user: str = ""
    ) -> RequestAnswer:
        """Send a request until it is answered; a join asks for a session of its own in a browser.

        Raises:
            BackendError: `bot_unreachable`: nobody answered within 3 s (12 s for a join).
        """
        ...

    def log(self, event: str, **fields: object) -> None:
        """A line for the operator; never text, names or secrets."""
        ...


class Peer(Protocol):
    """Another way for the sound than the WebSocket."""

    @property
    def is_carrying(self) -> bool:
        """Whether sound gets through."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether none ever will (again)."""
        ...

    def put(self, pcm: bytes) -> None:
        """Send 20 ms, `int16[960]`; never waits."""
        ...

    async def close(self) -> None:
        """Release it; harmless the second time."""
        ...


class WebBackend(VoiceBackend, Protocol):
    """A place where what was heard is known better than by what was sent."""

    def heard_ms(self, session: str, turn: int, played_ms: int) -> int:
        """Up to where a turn was heard, of what was sent; may go back by a client's word."""
        ...
