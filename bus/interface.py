"""What an app sees of the bus: `Bus` (the runtime's real `Node`, or `MemoryNode` in tests).

An app is a class with a contract and three methods; the runtime (`bus/node.py`) does the rest:

    class Echo:
        name = "llm_streamer"
        reads = ("flow.prompt", "control.session.", "control.turn")
        writes = ("flow.token", "report.turn.llm_streamer")

        def __init__(self, bus: Bus, config: Config) -> None: ...
        async def run(self) -> None: ...     # until cancelled
        async def stop(self) -> None: ...    # finish what must be finished, within 4 s

A name in `reads` that ends with a dot follows every topic that begins with it. What a node writes comes back
to it only where it names that very topic in `reads`.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bus.clock import Clock
from bus.header import Header
from bus.messages import NodeState, SessionState

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A message that arrived, with the header it came under."""

    topic: str
    header: Header
    message: M

    @property
    def session(self) -> str:
        """Session id, empty outside one."""
        return self.header.session

    @property
    def turn(self) -> int:
        """Turn, 0 outside one."""
        return self.header.turn


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """An edge of a level, made by its reader: what it was and what it is; None = lost or never there."""

    src: str
    session: str
    old: M | None
    new: M | None


class LevelView(Protocol[M]):
    """The newest values of one followed level, keyed by writer and session; expired ones are absent."""

    def get(self, session: str = "", src: str = "") -> M | None:
        """Value for a session (of any writer, or of `src`), or None when lost or never there."""
        ...

    def items(self) -> list[tuple[str, str, M]]:
        """(src, session, value) of every living value."""
        ...

    def seconds_left(self, session: str = "", src: str = "") -> float | None:
        """Rest of the lease, None without one."""
        ...

    def changes(self) -> AsyncIterator[Change[Any]]:
        """Every change from now on, beginning with the present values; losses arrive as `new=None`.

        Only the newest state matters: a slow reader sees the latest change of each key, not each one.
        """
        ...


class Scope(Protocol):
    """The life of one turn in one node."""

    @property
    def cancelled(self) -> bool:
        """Whether the turn died before the body ended."""
        ...


class Log(Protocol):
    """JSON lines: a static `event` text and fields. Never message text, tokens of a reply, or secrets."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...


class Bus(Protocol):
    """One node's access to the bus."""

    @property
    def name(self) -> str:
        """Name of the node."""
        ...

    @property
    def clock(self) -> Clock:
        """The process's clocks."""
        ...

    @property
    def log(self) -> Log:
        """The process's log."""
        ...

    def set_state(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        """Publish a level; the runtime sends it again each period and on subscription. Never blocks."""
        ...

    def clear_state(self, topic: str, session: str = "") -> None:
        """Stop renewing a level; readers lose it when its lease ends."""
        ...

    def emit(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        """Publish an event. May be lost. Never blocks."""
        ...

    async def push(self, topic: str, message: object, session: str, turn: int) -> None:
        """Send into a flow; waits while its reader is slow.

        Raises:
            PeerStalled: nothing moved for 2 s.
        """
        ...

    def pull(self, topic: str) -> AsyncIterator[Received[Any]]:
        """Messages of a flow, in order; those of dead turns are dropped and counted before they get here."""
        ...

    def events(self, topic: str) -> AsyncIterator[Received[Any]]:
        """Events of a topic (or of a prefix that ends with a dot) from now on; bounded, oldest dropped."""
        ...

    def follow(self, topic: str) -> LevelView[Any]:
        """The level of a STATE topic, or of all whose name begins with `topic` if it ends with a dot."""
        ...

    def turn_scope(self, session: str, turn: int) -> AbstractAsyncContextManager[Scope]:
        """Run the body until it ends or the turn dies; then the body is cancelled and the scope says so.

        async with bus.turn_scope(session, turn) as scope:
            ...
        if scope.cancelled: ...
        """
        ...

    def is_live(self, session: str, turn: int) -> bool:
        """Whether the turn is alive: its session lives and no floor is above it."""
        ...

    def session(self, session: str) -> SessionState | None:
        """The session's level, whichever sink holds it; None when lost or unknown."""
        ...

    def sessions(self) -> Iterator[tuple[str, SessionState]]:
        """Every living session."""
        ...

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Topic → messages and bytes that came in since the start, those that were dropped included."""
        ...

    def hold_sessions(self, may_apply: Callable[[str], bool]) -> None:
        """Let a session count as applied (`Health.applied`) only once `may_apply(session)` is true.

        For an app that must put something aside first; its sink waits for that before ACTIVE. Call
        `acknowledge` when the answer has changed.
        """
        ...

    def acknowledge(self) -> None:
        """Tell at once which sessions this node has applied."""
        ...

    def report(self, state: NodeState, code: str = "", detail: str = "", **facts: str) -> None:
        """Set what health says from now on; `facts` are merged into the earlier ones."""
        ...
