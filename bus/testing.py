"""For tests: a clock that stands still, and a node without sockets that judges messages as the real one."""

from dataclasses import replace
from typing import Any

from bus import codec
from bus.core import Receiver, check_message
from bus.errors import NotTheWriter, PeerStalled
from bus.header import PROTOCOL, Header
from bus.inbox import Inbox
from bus.messages import Health, NodeState
from bus.topics import Pattern, Topic, topic


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self, mono_ms: int = 1_000_000, wall_ms: int = 1_790_000_000_000) -> None:
        self._mono_ns = mono_ms * 1_000_000
        self._wall_ns = wall_ms * 1_000_000

    def mono_ns(self) -> int:
        return self._mono_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def advance_ms(self, ms: float) -> None:
        """Let time pass on both clocks."""
        self._mono_ns += round(ms * 1_000_000)
        self._wall_ns += round(ms * 1_000_000)

    def step_wall_ms(self, ms: int) -> None:
        """Step the wall clock alone, as an administrator or NTP does; may be negative."""
        self._wall_ns += ms * 1_000_000


class ListLog:
    """Keeps log lines as (level, event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))


class MemoryNode(Receiver):
    """`bus.interface.Bus` in memory: what the app says is kept, what others say is delivered by the test.

    Args:
        name: node under test; topics are checked against the list as in the real node.
        reads: the app's contract; topics outside it can't be followed or pulled.
    """

    def __init__(self, name: str, reads: tuple[str, ...], clock: FakeClock | None = None) -> None:
        self.fake_clock = clock or FakeClock()
        super().__init__(name, self.fake_clock, reads)
        self.log = ListLog()
        self.states: dict[tuple[str, str], Any] = {}
        self.emitted: list[tuple[str, Any, str, int]] = []
        self.pushed: list[tuple[str, Any, str, int]] = []
        self.health = Health(NodeState.STARTING, 1)
        self.stalled: set[str] = set()
        """Flows whose reader takes nothing: a push to them raises `PeerStalled`."""
        self._seq = 0
        for wanted in reads:
            if wanted.startswith("flow."):
                self.inboxes[wanted] = Inbox(topic(wanted).limit)

    async def deliver(
        self, name: str, message: object, session: str = "", turn: int = 0, src: str = "", boot: int = 1
    ) -> None:
        """Let a message of another node arrive; `src` is the topic's first writer by default."""
        row = topic(name)
        check_message(row, message)
        self._seq += 1
        writer, now_ns = src or row.writers[0], self.clock.mono_ns()
        header = Header(PROTOCOL, writer, boot, self._seq, session, turn, now_ns, self.clock.wall_ns())
        self._count(name, len(codec.encode(message)))
        if row.pattern in (Pattern.FLOW, Pattern.REQUEST):
            self.inboxes[name].put((header, codec.encode(message)))
        else:
            self.observe(row, header, message)

    def lose(self, name: str) -> None:
        """Let the leases of a topic end, as if nobody had renewed anything for that long."""
        self.fake_clock.advance_ms(topic(name).lease_ms + 1)
        super().tick()

    def tick(self) -> None:
        """What the runtime does as time passes: own levels are renewed, leases are looked at."""
        for (name, session), message in self.states.items():
            self._observe_own(topic(name), message, session, 0)
        super().tick()

    def _observe_own(self, row: Topic, message: object, session: str, turn: int) -> None:
        """A writer lives by its own control levels too, and hears what it names in `reads`."""
        if row.name.startswith("control.") or row.name in self.reads:
            self._seq += 1
            now_ns = self.clock.mono_ns()
            header = Header(PROTOCOL, self.name, 1, self._seq, session, turn, now_ns, self.clock.wall_ns())
            self.observe(row, header, message)

    def set_state(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        row = self._writable(topic, message)
        self.states[(topic, session)] = message
        self._observe_own(row, message, session, turn)

    def clear_state(self, topic: str, session: str = "") -> None:
        self.states.pop((topic, session), None)

    def emit(self, topic: str, message: object, session: str = "", turn: int = 0) -> None:
        row = self._writable(topic, message)
        self.emitted.append((topic, message, session, turn))
        self._observe_own(row, message, session, turn)

    async def push(self, topic: str, message: object, session: str, turn: int) -> None:
        self._writable(topic, message)
        if topic in self.stalled:
            raise PeerStalled(topic)
        self.pushed.append((topic, message, session, turn))

    def acknowledge(self) -> None:
        self.health = replace(self.health, applied=self.applied())

    def report(self, state: NodeState, code: str = "", detail: str = "", **facts: str) -> None:
        self.health = Health(state, 1, code=code, detail=detail, facts={**self.health.facts, **facts})

    def _writable(self, name: str, message: object) -> Any:
        row = topic(name)
        if self.name not in row.writers:
            raise NotTheWriter(f"{self.name} may not write {name}")
        check_message(row, message)
        return row
