"""A node on the bus: what an app sees (`bus.interface.Bus`) over real sockets.

One node per process. It publishes levels and repeats them, beats health each second, opens its flows
once the control levels are known, and cancels what works on dead turns. It never knows what an app does.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bus import codec, wire
from bus.clock import Clock
from bus.core import Receiver, check_message, matches
from bus.errors import NotTheWriter
from bus.header import PROTOCOL, Header, Stamper
from bus.inbox import Inbox
from bus.interface import Log
from bus.keys import KeyRing
from bus.messages import Health, NodeState
from bus.sockets import Publisher, Pusher, Reader, Transport
from bus.topics import NODES, TOPICS, Pattern, Topic, topic

BEAT_S = 1.0
"""How often health is told and levels are sent again. Without a session all nodes beat on the whole second of
the machine's clock, so that who follows them wakes once for all; while one lives they take turns, so that
they do not all want the processor within one frame."""

TICK_S = 0.2
"""How often the loop's lag is measured, and lost levels are looked for, while a session lives; at other times
a loss is seen when its lease ends."""

AFTER_S = 0.001
"""A lease is looked at so long after its end: it has passed then."""

REPEAT_SLACK_S = 0.1
"""A level is sent again this much late, rather than at once after a change."""

SYNC_PATIENCE_S = 2.0
"""After this long without word from the control writers, there is no session."""


@dataclass(slots=True)
class OwnLevel:
    """A level this node writes, as it is sent again and again."""

    row: Topic
    message: object
    body: bytes
    session: str
    turn: int
    sent_ns: int = 0


class Node(Receiver):
    """The runtime's side of one process.

    Args:
        name: node name, or a role of `PEOPLE`: those publish nothing.
        reads, writes: the app's contract, checked against the list of topics.

    Raises:
        NotTheWriter: the list does not grant what the contract names.
    """

    def __init__(
        self,
        name: str,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        transport: Transport,
        clock: Clock,
        log: Log,
    ) -> None:
        super().__init__(name, clock, reads)
        self.log = log
        self.writes = _granted(name, reads, writes)
        self._echoed = self.writes & set(reads)
        self._transport = transport
        self._stamper = Stamper(name, clock)
        self._own_levels: dict[tuple[str, str], OwnLevel] = {}
        self._started_ns = clock.mono_ns()
        self._health = Health(NodeState.STARTING, os.getpid())
        self._lag_ms = 0
        self._heard: set[str] = set()
        self._publisher: Publisher | None = None
        self._subscriber: Reader | None = None
        self._pushers: dict[str, Pusher] = {}
        self._pullers: dict[str, Reader] = {}

    @property
    def keys(self) -> KeyRing:
        """The stack's keys, for mains that hand plain values to backends."""
        return self._transport.keys

    @property
    def transport(self) -> Transport:
        """The process's sockets, for mains whose backend listens or connects by ZeroMQ itself."""
        return self._transport

    # --- lifecycle, called by the runtime -----------------------------------------------------------

    async def open(self) -> None:
        """Bind, subscribe, wait for the control levels, then open the flows."""
        if self.name in NODES:
            self._publisher = self._transport.publisher()
            self._publisher.on_subscription = self._resend
        for name in self.writes:
            if topic(name).pattern in (Pattern.FLOW, Pattern.REQUEST):
                self._pushers[name] = self._transport.pusher(topic(name))
        self._beat()
        sources = self._sources()
        reads = [r for r in self.reads if not r.startswith("flow.")]
        prefixes = [*reads, *(f"report.health.{n}" for n in sources)]
        self._subscriber = self._transport.subscriber(sources, prefixes, self._on_published)
        await self._synchronise()
        for name in self.reads:
            if name.startswith("flow."):
                self._open_puller(topic(name))

    async def beat_for_ever(self, on_beat: Callable[[], None] = lambda: None) -> None:
        """Beat, repeat levels and see leases end, until cancelled; measures the loop's lag on the way.

        Args:
            on_beat: called with each beat: the loop turns.
        """
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            if loop.time() >= beat_at:
                beat_at = self._next_beat(loop.time())
                on_beat()
                self._beat()
                self._repeat()
                self.forget()
            due = min(beat_at, loop.time() + self._rest_s())
            await asyncio.sleep(due - loop.time())
            self._lag_ms = max(self._lag_ms, round((loop.time() - due) * 1000))
            self.tick()

    def _next_beat(self, now_s: float) -> float:
        is_apart = any(self.sessions()) and self.name in NODES
        phase_s = BEAT_S * NODES.index(self.name) / len(NODES) if is_apart else 0.0
        return (now_s - phase_s) // BEAT_S * BEAT_S + BEAT_S + phase_s

    def _rest_s(self) -> float:
        """Until there is something to look at between two beats: a lease that ends, the lag."""
        pause_s = TICK_S if any(self.sessions()) else BEAT_S
        end_ns = self.next_end_ns()
        if end_ns is None:
            return pause_s
        return min(pause_s, max(0.0, (end_ns - self.clock.mono_ns()) / 1e9) + AFTER_S)

    def say_stopping(self) -> None:
        """Tell the others that this node goes away on purpose."""
        self.report(NodeState.STOPPING)

    def close(self) -> None:
        """Close all sockets; what was sent may still leave within their linger."""
        for socket in (self._subscriber, self._publisher, *self._pushers.values(), *self._pullers.values()):
            if socket is not None:
                socket.close()

    def _sources(self) -> list[str]:
        """Nodes whose publishers are subscribed: the writers of what is read, in the list's order."""
        writers = {
            writer
            for row in TOPICS.values()
            if row.pattern in (Pattern.STATE, Pattern.EVENT)
            for wanted in self.reads
            if matches(wanted, row.name)
            for writer in row.writers
        }
        return [node for node in NODES if node in writers and node != self.name]

    async def _synchronise(self) -> None:
        """Wait until each control writer's health has come: its levels, subscribed before, came before it."""
        wanted = {w for row in TOPICS.values() if row.name.startswith("control.") for w in row.writers}
        wanted -= {self.name}
        deadline = asyncio.get_running_loop().time() + SYNC_PATIENCE_S
        while not wanted <= self._heard and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)

    def _open_puller(self, row: Topic) -> None:
        reader: Reader

        def pause() -> None:
            reader.pause()

        def resume() -> None:
            reader.resume()

        self.inboxes[row.name] = Inbox(row.limit, pause, resume)
        reader = self._transport.puller(row, partial(self.take_flow, row))
        self._pullers[row.name] = reader

    def _on_published(self, parts: list[bytes]) -> None:
        applied = self.applied() if parts[0].startswith(b"control.") else None
        self.take_published(parts)
        if parts[0].startswith(b"report.health."):
            self._heard.add(parts[0].decode("ascii", "replace").removeprefix("report.health."))
        if applied is not None and self.applied() != applied:
            self._beat()

    # --- health and levels --------------------------------------------------------------------------

    def _beat(self) -> None:
        uptime_s = (self.clock.mono_ns() - self._started_ns) // 1_000_000_000
        health = Health(
            state=self._health.state,
            pid=self._health.pid,
            applied=self.applied(),
            uptime_s=uptime_s,
            loop_lag_ms=self._lag_ms,
            dropped_stale=self.dropped_stale,
            decode_errors=self.decode_errors,
            gaps=self.gaps.gaps,
            fenced=self.fence.fenced,
            code=self._health.code,
            detail=self._health.detail,
            facts=self._health.facts,
        )
        self._lag_ms = 0
        if self._publisher is not None:
            self.set_state(f"report.health.{self.name}", health)

    def _repeat(self) -> None:
        """Send again what would be overdue at the next beat."""
        soon_ns = self.clock.mono_ns() + round((BEAT_S - REPEAT_SLACK_S) * 1e9)
        for level in list(self._own_levels.values()):
            if soon_ns - level.sent_ns >= level.row.period_ms * 1_000_000:
                self._send_level(level)

    def _resend(self, prefix: str) -> None:
        """A newcomer gets the present levels at once, control before health: see `_synchronise`."""
        for (name, _), level in sorted(self._own_levels.items(), key=lambda item: item[0]):
            if name.startswith(prefix):
                self._send_level(level)

    def _send_level(self, level: "OwnLevel") -> None:
        """Send it, freshly stamped; a writer lives by its own control levels too, and renews them."""
        level.sent_ns = self.clock.mono_ns()
        self._publish(level.row, level.body, level.session, level.turn)
        if level.row.name.startswith("control.") or level.row.name in self._echoed:
            self._observe_own(level.row, level.message, level.session, level.turn)

    def _publish(self, row: Topic, body: bytes, session: str, turn: int) -> None:
        assert self._publisher is not None
        self._publisher.send(self._stamped(row, body, session, turn))

    def _stamped(self, row: Topic, body: bytes, session: str, turn: int) -> list[bytes]:
        return wire.pack(row.name, self._stamper.stamp(row.name, session, turn), body)

    def _row(self, name: str, message: object) -> Topic:
        if name not in self.writes:
            raise NotTheWriter(f"{self.name} does not declare that it writes {name}")
        row = topic(name)
        check_message(row, message)
        return row

    # --- what apps use: see bus.interface.Bus -------------------------------------------------------

    def set_state(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        row = self._row(topic, message)
        level = OwnLevel(row, message, codec.encode(message), session, turn)
        self._own_levels[topic, session] = level
        self._send_level(level)

    def _observe_own(self, row: Topic, message: object, session: str, turn: int) -> None:
        now_ns, wall_ns = self.clock.mono_ns(), self.clock.wall_ns()
        header = Header(PROTOCOL, self.name, self._stamper.boot, now_ns, session, turn, now_ns, wall_ns)
        before = self.applied()
        self.observe(row, header, message)
        if self.applied() != before:
            self._beat()

    def clear_state(self, topic: str, session: str = "") -> None:
        self._own_levels.pop((topic, session), None)

    def emit(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        """An event tells of work: it is stamped now, and leaves once this step of the work is done."""
        row = self._row(topic, message)
        assert self._publisher is not None
        parts = self._stamped(row, codec.encode(message), session, turn)
        asyncio.get_running_loop().call_soon(self._publisher.send, parts)
        if topic in self._echoed:
            self._observe_own(row, message, session, turn)

    async def push(self, topic: str, message: object, session: str, turn: int) -> None:
        row = self._row(topic, message)
        parts = self._stamped(row, codec.encode(message), session, turn)
        await self._pushers[topic].push(parts)
        if self._publisher is not None and self._publisher.is_watched(row.name):
            self._publisher.send(parts)

    def acknowledge(self) -> None:
        self._beat()

    def report(self, state: NodeState, code: str = "", detail: str = "", **facts: str) -> None:
        merged = {**self._health.facts, **facts}
        said = Health(state, self._health.pid, code=code, detail=detail, facts=merged)
        if said != self._health:
            self._health = said
            self._beat()


def _granted(name: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> frozenset[str]:
    """Topics a node may write; what every node writes is granted without being named."""
    own = {f"report.{kind}.{name}" for kind in ("health", "turn", "settings")} if name in NODES else set()
    for wanted in writes:
        if name not in topic(wanted).writers:
            raise NotTheWriter(f"{name} may not write {wanted}")
    for wanted in reads:
        rows = [row for row in TOPICS.values() if matches(wanted, row.name)]
        if not rows or not all(name in row.readers for row in rows):
            raise NotTheWriter(f"{name} may not read {wanted}")
    return frozenset((*writes, *own))
