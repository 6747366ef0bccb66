"""F5: control messages lost, doubled, reordered, with writers and readers that restart, against a model.

The model is the truth itself: what each living writer says last. A reader that is given six seconds without
trouble must know it, and must at no time let a turn live that it has seen die.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from bus import codec, wire
from bus.core import Receiver
from bus.floor import LIVE_PHASES
from bus.header import Stamper
from bus.messages import Intent, Phase, SessionState, TurnState
from bus.testing import FakeClock
from bus.topics import topic
from tests.campaign.campaign import Run

SESSIONS = ("20261120-173000-a1b2", "20261120-173500-c3d4")
SINCE_MS = 1_000
STEPS = 60
SEQUENCES = 100
"""Sequences of one run."""

HEALED_MS = 6_000
"""After this long without trouble the reader knows the truth: a lease and its renewal, twice."""

CONTROL = {
    "bot_main": ("control.intent", "control.turn"),
    "discord_voice": ("control.session.discord_voice",),
}
"""Who writes which level."""


class Writer:
    """A node that repeats its levels each second, dies, and comes back with a new generation."""

    def __init__(self, name: str, clock: FakeClock) -> None:
        self.name = name
        self.levels: dict[tuple[str, str], Any] = {}
        """(topic, session) → what it says; outlives its process, as stored or found again."""
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A new life."""
        self.alive = True
        self._stamper = Stamper(self.name, self._clock)
        self._sent_ms = 0

    def say(self, name: str, session: str, level: object) -> list[list[bytes]]:
        """Change a level; what goes out."""
        self.levels[name, session] = level
        return [self._packed(name, session)] if self.alive else []

    def all(self) -> list[list[bytes]]:
        """Everything, as after a subscription."""
        return [self._packed(*key) for key in self.levels] if self.alive else []

    def due(self) -> list[list[bytes]]:
        """Everything once a second."""
        now_ms = self._clock.mono_ns() // 1_000_000
        if now_ms - self._sent_ms < 1_000:
            return []
        self._sent_ms = now_ms
        return self.all()

    def _packed(self, name: str, session: str) -> list[bytes]:
        header = self._stamper.stamp(name, session)
        return wire.pack(name, header, codec.encode(self.levels[name, session]))


@dataclass
class Way:
    """What lies between writers and reader: a fifth is lost, a fifth comes twice, a fifth comes late."""

    dice: random.Random
    trouble: bool = True
    under_way: list[tuple[int, list[bytes]]] = field(default_factory=list)

    def send(self, messages: list[list[bytes]], now_ms: int) -> None:
        """Messages set out."""
        for parts in messages:
            for _ in range(self._copies()):
                delay_ms = self.dice.randrange(2_500) if self.trouble and self.dice.random() < 0.2 else 0
                self.under_way.append((now_ms + delay_ms, parts))

    def _copies(self) -> int:
        if not self.trouble:
            return 1
        chance = self.dice.random()
        return 0 if chance < 0.2 else 2 if chance < 0.4 else 1

    def arriving(self, now_ms: int) -> list[list[bytes]]:
        """Messages that are there now."""
        there = [parts for due_ms, parts in self.under_way if due_ms <= now_ms]
        self.under_way = [item for item in self.under_way if item[0] > now_ms]
        return there


class Sequence:
    """One sequence."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.clock = FakeClock()
        self.writers = {name: Writer(name, self.clock) for name in CONTROL}
        self.way = Way(self.dice)
        self.read_anew()

    @property
    def now_ms(self) -> int:
        """Monotonic time."""
        return self.clock.mono_ns() // 1_000_000

    def run(self) -> None:
        """Raises AssertionError at the first divergence."""
        happenings = (
            self.raise_floor, self.raise_floor, self.move, self.move, self.intend,
            self.die, self.be_reborn, self.restart_reader, self.wait, self.wait,
        )  # fmt: skip
        for _ in range(STEPS):
            self.dice.choice(happenings)()
            self.pass_ms(self.dice.choice((0, 10, 200, 900)))
        self.heal()

    # --- what happens -------------------------------------------------------------------------------

    def raise_floor(self) -> None:
        bot, session = self.writers["bot_main"], self.dice.choice(SESSIONS)
        known = bot.levels.get(("control.turn", session), TurnState(SINCE_MS, 0))
        self.say(bot, "control.turn", session, TurnState(known.floor + self.dice.randrange(3), 0))

    def intend(self) -> None:
        bot, session = self.writers["bot_main"], self.dice.choice(SESSIONS)
        known = bot.levels.get(("control.intent", session))
        revision = known.revision + 1 if known else 1
        intent = Intent(self.dice.random() < 0.5, "discord_voice", SINCE_MS, revision)
        self.say(bot, "control.intent", session, intent)

    def move(self) -> None:
        sink, session = self.writers["discord_voice"], self.dice.choice(SESSIONS)
        state = SessionState("discord_voice", self.dice.choice(list(Phase)), SINCE_MS, self.dice.randrange(9))
        self.say(sink, "control.session.discord_voice", session, state)

    def die(self) -> None:
        self.dice.choice(list(self.writers.values())).alive = False

    def be_reborn(self) -> None:
        writer = self.dice.choice(list(self.writers.values()))
        self.clock.advance_ms(1)
        writer.begin()

    def restart_reader(self) -> None:
        self.read_anew()
        for writer in self.writers.values():
            self.way.send(writer.all(), self.now_ms)

    def wait(self) -> None:
        self.pass_ms(self.dice.choice((1_000, 3_100, 7_000)))

    def say(self, writer: Writer, name: str, session: str, level: object) -> None:
        self.way.send(writer.say(name, session, level), self.now_ms)

    def pass_ms(self, ms: int) -> None:
        """Time passes; levels are repeated, messages arrive, leases end."""
        end_ms = self.now_ms + ms
        while True:
            for writer in self.writers.values():
                self.way.send(writer.due(), self.now_ms)
            arriving = self.way.arriving(self.now_ms)
            self.dice.shuffle(arriving)
            for parts in arriving:
                self.take(parts)
            self.receiver.tick()
            self.receiver.forget()
            self.check_dead()
            if self.now_ms >= end_ms:
                return
            self.clock.advance_ms(min(200, end_ms - self.now_ms))

    # --- what the reader makes of it ----------------------------------------------------------------

    def read_anew(self) -> None:
        """The reader is restarted: it knows nothing."""
        self.receiver = Receiver("llm_streamer", self.clock, ("control.intent",))
        self.seen_floor: dict[str, int] = defaultdict(int)

    def take(self, parts: list[bytes]) -> None:
        fenced = self.receiver.fence.fenced
        self.receiver.take_published(parts)
        _, header = wire.unpack_header(parts)
        if parts[0] == b"control.turn" and self.receiver.fence.fenced == fenced:
            state = wire.unpack_body(topic("control.turn"), parts[2])
            self.seen_floor[header.session] = max(self.seen_floor[header.session], state.floor)

    def check_dead(self) -> None:
        for session, floor in self.seen_floor.items():
            alive = self.receiver.is_live(session, floor - 1)
            assert not alive, f"seed {self.seed}: a turn below the floor {floor} lives again"

    # --- what must be known in the end --------------------------------------------------------------

    def heal(self) -> None:
        self.way.trouble = False
        self.pass_ms(HEALED_MS)
        for writer in self.writers.values():
            for (name, session), said in writer.levels.items():
                self.check_level(writer, name, session, said)
        for session in SESSIONS:
            self.check_turns(session)

    def check_level(self, writer: Writer, name: str, session: str, said: object) -> None:
        followed = "control.session." if name.startswith("control.session.") else name
        known = self.receiver.follow(followed).get(session, writer.name)
        if writer.alive:
            assert known == said, f"seed {self.seed}: {name} is {known}, not {said}"
        elif name != "control.intent":  # which has no lease: it is stored
            assert known is None, f"seed {self.seed}: {name} of a dead writer is still {known}"

    def check_turns(self, session: str) -> None:
        bot, sink = self.writers["bot_main"], self.writers["discord_voice"]
        state = sink.levels.get(("control.session.discord_voice", session)) if sink.alive else None
        said = bot.levels.get(("control.turn", session), TurnState(0, 0)).floor if bot.alive else None
        floor = max(SINCE_MS, self.seen_floor[session] if said is None else said)
        for turn in (floor - 1, floor, floor + 1):
            lives = bool(state and state.phase in LIVE_PHASES and turn >= floor)
            known = self.receiver.is_live(session, turn)
            assert known == lives, f"seed {self.seed}: turn {turn} at floor {floor} lives: {known}"


def f5_levels(run: Run) -> None:
    """A hundred sequences."""
    for _ in range(SEQUENCES):
        Sequence(run.dice.getrandbits(48)).run()
