"""The part of a node that needs no sockets: followed levels, liveness of turns, inboxes.

`Node` (real sockets) and `MemoryNode` (tests) share it, so that both judge a message alike.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from bus import wire
from bus.clock import Clock
from bus.errors import BadMessage, DecodeError, NotTheWriter, TheirError
from bus.floor import LIVE_PHASES, Floors
from bus.followed import Followed
from bus.header import Header
from bus.inbox import Inbox
from bus.interface import Received
from bus.messages import Phase, SessionState
from bus.scopes import TurnScope, TurnScopes
from bus.stats import Fence, Gaps
from bus.topics import PEOPLE, TOPICS, Pattern, Topic, topic

ALWAYS_FOLLOWED = ("control.session.", "control.turn")
"""What the runtime itself needs to judge turns."""

EVENT_LIMIT = 1_000
"""Events an app may leave unread; the oldest are dropped."""

LATE_LEVEL_S = 0.5
"""A flow and the level of its session come by different connections. After a restart of the sink the level's
may be made anew this much later (`zmq.RECONNECT_IVL_MAX`, twice)."""

LOOK_S = 0.005
"""Between two looks for a level that is late."""

UNHEARD_OF = 64
"""Sessions remembered for which a level was waited in vain: what comes for them is dropped at once."""


def matches(pattern: str, name: str) -> bool:
    """Whether a topic is meant by a name, or by a prefix that ends with a dot."""
    return name.startswith(pattern) if pattern.endswith(".") else name == pattern


class Receiver:
    """Takes messages in, keeps levels, hands flows and events to the app (`bus.interface.Bus`)."""

    def __init__(self, name: str, clock: Clock, reads: tuple[str, ...]) -> None:
        self.name = name
        self.clock = clock
        self.reads = (*ALWAYS_FOLLOWED, *(r for r in reads if r not in ALWAYS_FOLLOWED))
        self.floors = Floors()
        self.scopes = TurnScopes(self.is_live)
        self.fence = Fence()
        self.gaps = Gaps()
        self.decode_errors = 0
        self.dropped_stale = 0
        self._unheard_of: deque[str] = deque(maxlen=UNHEARD_OF)
        self._traffic: dict[str, list[int]] = {}
        self._may_apply: Callable[[str], bool] = lambda session: True
        self._levels = {r: Followed(clock) for r in self.reads if self._pattern(r) is Pattern.STATE}
        self._events: dict[str, list[Inbox[Received[Any]]]] = {}
        self.inboxes: dict[str, Inbox[tuple[Header, bytes]]] = {}

    def take_published(self, parts: list[bytes]) -> None:
        """A message from a publisher: a level or an event. Refuses and counts what is not ours."""
        try:
            row, header = self._admit(parts)
            if row is not None:
                self.observe(row, header, wire.unpack_body(row, parts[2]))
        except TheirError:
            self.decode_errors += 1

    def take_flow(self, row: Topic, parts: list[bytes]) -> None:
        """A message of a flow: judged by its header now, decoded when the app takes it."""
        try:
            admitted, header = self._admit(parts)
            if admitted is not None and admitted is not row:
                raise DecodeError(f"{admitted.name} in the socket of {row.name}")
            if admitted is not None:
                self.inboxes[row.name].put((header, parts[2]))
        except TheirError:
            self.decode_errors += 1

    def _admit(self, parts: list[bytes]) -> tuple[Topic | None, Header]:
        """Row and header; the row is None for an older incarnation."""
        name, header = wire.unpack_header(parts)
        row = TOPICS.get(name)
        if row is None or header.src not in row.writers:
            raise DecodeError(f"{header.src} does not write {name}")
        self._count(name, sum(map(len, parts)))
        if header.src in PEOPLE:  # any number of them run at a time, none supersedes another
            return row, header
        if not self.fence.admits(header):
            return None, header
        self.gaps.observe(name, header)
        return row, header

    def _count(self, name: str, n_bytes: int) -> None:
        counted = self._traffic.setdefault(name, [0, 0])
        counted[0] += 1
        counted[1] += n_bytes

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Topic → messages and bytes that came in since the start."""
        return {name: (n_messages, n_bytes) for name, (n_messages, n_bytes) in self._traffic.items()}

    def observe(self, row: Topic, header: Header, message: Any) -> None:
        """A decoded level or event."""
        if row.pattern is Pattern.EVENT:
            for inbox in self._inboxes_of(row.name):
                inbox.put(Received(row.name, header, message))
            return
        fresh = [
            f.update(header, message, row.lease_ms) for r, f in self._levels.items() if matches(r, row.name)
        ]
        if any(fresh) and row.name.startswith("control."):
            self._control_changed(row, header, message)

    def _control_changed(self, row: Topic, header: Header, message: Any) -> None:
        if row.name == "control.turn":
            self.floors.raise_to(header.session, message.floor)
        self.scopes.sweep()

    def tick(self) -> None:
        """Time has passed: leases may have ended."""
        for followed in self._levels.values():
            followed.tick()
        self.scopes.sweep()

    def next_end_ns(self) -> int | None:
        """When the next lease ends, and `tick` is due at the latest; None without one."""
        ends = (followed.next_end_ns() for followed in self._levels.values())
        return min((end for end in ends if end is not None), default=None)

    def forget(self) -> None:
        """Drop what belongs to sessions that ended long ago; a floor outlives its writer's absence."""
        for followed in self._levels.values():
            followed.forget()
        self.floors.keep(self._levels["control.turn"].sessions())

    def follow(self, name: str) -> Followed:
        """The level of a topic that the contract names.

        Raises:
            NotTheWriter: the contract does not name it.
        """
        if name not in self._levels:
            raise NotTheWriter(f"{self.name} does not declare that it reads {name}")
        return self._levels[name]

    async def pull(self, name: str) -> AsyncIterator[Received[Any]]:
        """Messages of a flow whose turns live, in order."""
        row = topic(name)
        if name not in self.inboxes:
            raise NotTheWriter(f"{self.name} does not declare that it reads {name}")
        inbox = self.inboxes[name]
        while True:
            header, body = await inbox.get()
            if row.pattern is Pattern.FLOW and not await self._is_wanted(header):
                self.dropped_stale += 1
                continue
            try:
                message = wire.unpack_body(row, body)
            except DecodeError:
                self.decode_errors += 1
                continue
            yield Received(name, header, message)

    async def _is_wanted(self, header: Header) -> bool:
        """Whether a turn lives; a session that is not known yet may be, in a moment."""
        if self.session(header.session) is not None:
            if header.session in self._unheard_of:
                self._unheard_of.remove(header.session)
        elif header.turn >= self.floors.floor(header.session):
            await self._hear_of(header.session)
        return self.is_live(header.session, header.turn)

    async def _hear_of(self, session: str) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + LATE_LEVEL_S
        while session not in self._unheard_of and self.session(session) is None:
            if loop.time() >= deadline_s:
                self._unheard_of.append(session)
            await asyncio.sleep(LOOK_S)

    async def events(self, name: str) -> AsyncIterator[Received[Any]]:
        """Events from now on."""
        if name not in self.reads:
            raise NotTheWriter(f"{self.name} does not declare that it reads {name}")
        inbox: Inbox[Received[Any]] = Inbox(EVENT_LIMIT)
        readers = self._events.setdefault(name, [])
        readers.append(inbox)
        try:
            while True:
                yield await inbox.get()
        finally:
            readers.remove(inbox)

    def _inboxes_of(self, name: str) -> list[Inbox[Received[Any]]]:
        return [
            inbox for wanted, readers in self._events.items() if matches(wanted, name) for inbox in readers
        ]

    def session(self, session: str) -> SessionState | None:
        """The session's level, None when lost or unknown."""
        return self._levels["control.session."].get(session)

    def sessions(self) -> Iterator[tuple[str, SessionState]]:
        """Every living session that is not idle."""
        for _, session, state in self._levels["control.session."].items():
            if state.phase is not Phase.IDLE:
                yield session, state

    def is_live(self, session: str, turn: int) -> bool:
        """Whether a turn may still be worked on."""
        return self.floors.is_live(session, turn, self.session(session))

    def turn_scope(self, session: str, turn: int) -> TurnScope:
        """Run a body while its turn lives."""
        return self.scopes.open(session, turn)

    def applied(self) -> dict[str, int]:
        """Session → floor of all that live, as this node has applied them."""
        return {
            s: max(self.floors.floor(s), state.since_ms)
            for s, state in self.sessions()
            if state.phase in LIVE_PHASES and self._may_apply(s)
        }

    def hold_sessions(self, may_apply: Callable[[str], bool]) -> None:
        """A session counts as applied only once `may_apply(session)` is true."""
        self._may_apply = may_apply

    def _pattern(self, name: str) -> Pattern:
        rows = [row for row in TOPICS.values() if matches(name, row.name)]
        if len({(row.pattern, row.message) for row in rows}) != 1:
            raise NotTheWriter(f"{self.name} reads {name}, which is not one kind of topic")
        return rows[0].pattern


def check_message(row: Topic, message: object) -> None:
    """Our own mistake, found before it travels.

    Raises:
        BadMessage: not the topic's message.
    """
    if type(message) is not row.message:
        raise BadMessage(f"{row.name} carries {row.message.__name__}, not {type(message).__name__}")
