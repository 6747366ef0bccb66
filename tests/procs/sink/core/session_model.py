"""The session machine once more, as plain nested ifs, and random worlds to compare the two in."""

import random
from dataclasses import dataclass, field

from bus.messages import Health, Intent, NodeState, Phase
from procs.sink.core.session import TRANSITIONS, Rules, Session, World

ID = "s"
PEERS = ("bot_main", "llm_streamer", "tts_bridge")
MOVES = {(row.state, row.event, row.next) for row in TRANSITIONS}


@dataclass
class Model:
    """What the written rules demand; kept apart from the table on purpose."""

    phase: str = "idle"
    newest: Intent | None = None
    answered: Intent | None = None
    dead_revision: int = -1
    refusal: str = ""
    reason: str = ""
    connected: bool = False
    lost: str = ""
    entered_ms: int = 0
    bot_ms: int = 0
    waiting_ms: int = 0

    def step(self, world: World, now_ms: int) -> None:
        if world.intent and (not self.newest or world.intent.revision > self.newest.revision):
            self.newest = world.intent
        if "bot_main" in world.health:
            self.bot_ms = now_ms
        if not (self.phase == "idle" and self.asked(world)):
            self.waiting_ms = now_ms
        while self.move(world, now_ms):
            self.entered_ms = now_ms

    def wanted(self) -> bool:
        return bool(self.newest and self.newest.wanted and self.newest.sink == "discord_voice")

    def asked(self, world: World) -> bool:
        alive = "bot_main" in world.health
        return bool(self.wanted() and alive and self.newest and self.newest.revision > self.dead_revision)

    def news(self) -> bool:
        return bool(self.newest and (not self.answered or self.newest.revision > self.answered.revision))

    def move(self, world: World, now_ms: int) -> bool:
        if self.phase == "idle":
            return self.move_idle(world, now_ms)
        if self.phase == "stopping":
            if world.silent or now_ms - self.entered_ms >= 2_000:
                self.phase = "idle"
                return True
            return False
        return self.move_held(world, now_ms)

    def move_idle(self, world: World, now_ms: int) -> bool:
        if not self.wanted() and self.news():
            self.answered = self.newest
            return True
        if not self.asked(world):
            return False
        if not world.place_free:
            return self.refuse("session_active")
        if self.peers_ready(world):
            self.phase, self.answered = "starting", self.newest
            self.connected, self.lost, self.refusal, self.reason = False, "", "", ""
            return True
        return now_ms - self.waiting_ms >= 3_000 and self.refuse("session_not_ready")

    def move_held(self, world: World, now_ms: int) -> bool:
        starting = self.phase == "starting"
        if not self.wanted():
            self.phase, self.answered, self.refusal = "stopping", self.newest, ""
        elif now_ms - self.bot_ms >= 30_000:
            self.phase, self.reason = "stopping", "bot_unreachable"
        elif self.lost:
            self.fail(self.lost, "idle" if starting else "stopping")
        elif self.news():
            self.answered = self.newest
            self.connected = self.connected and not starting
        elif starting and self.connected and all(ID in h.applied for h in self.peers(world)):
            self.phase = "active"
        elif starting and now_ms - self.entered_ms >= 10_000:
            self.fail("session_start_timeout", "idle")
        else:
            return False
        return True

    def refuse(self, code: str) -> bool:
        assert self.newest
        self.answered, self.refusal, self.reason = self.newest, code, ""
        self.dead_revision = self.newest.revision
        return True

    def fail(self, code: str, phase: str) -> None:
        assert self.answered
        self.reason, self.refusal, self.phase = code, "", phase
        self.dead_revision = self.answered.revision

    def peers(self, world: World) -> list[Health]:
        gone = Health(NodeState.STOPPING, 1)
        return [world.health.get(peer, gone) for peer in PEERS]

    def peers_ready(self, world: World) -> bool:
        bot, llm, tts = (h.state for h in self.peers(world))
        works = {NodeState.READY, NodeState.LOADING}
        return bot is not NodeState.STOPPING and llm in works and tts in works


@dataclass
class Trial:
    """One random sequence: intents that are lost, doubled and reordered, peers that come and go."""

    seed: int
    now_ms: int = 0
    sent: list[Intent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.session = Session(ID, Rules("discord_voice"), 0)
        self.model = Model()
        self.intent: Intent | None = None
        self.health = {peer: Health(NodeState.READY, 1) for peer in PEERS}
        self.place_free = self.silent = True

    def run(self, n_steps: int) -> None:
        """Raises AssertionError at the first divergence."""
        for _ in range(n_steps):
            self.random.choice(
                (self.send, self.deliver, self.peer, self.apply, self.apply, self.sink, self.sink, self.wait,
                 self.forsake)
            )()  # fmt: skip
            self.compare()
        self.heal()

    def send(self) -> None:
        wanted, sink = (
            self.random.random() < 0.7,
            self.random.choice(("discord_voice",) * 4 + ("web_gateway",)),
        )
        self.sent.append(Intent(wanted, sink, 1_000, len(self.sent) + 1, 7, self.random.randrange(9)))
        if self.random.random() < 0.7:
            self.intent = self.sent[-1]

    def deliver(self) -> None:
        """A level that comes again, late, or out of order."""
        if self.sent:
            self.intent = self.random.choice(self.sent[-3:])

    def peer(self) -> None:
        name = self.random.choice(PEERS)
        if self.health.pop(name, None) is None or self.random.random() < 0.5:
            self.health[name] = Health(self.random.choice(list(NodeState)), 1)

    def apply(self) -> None:
        self.health = {peer: Health(NodeState.READY, 1, {ID: 1_000}) for peer in PEERS}

    def sink(self) -> None:
        self.silent, self.place_free = self.random.random() < 0.6, self.random.random() < 0.8
        if self.random.random() < 0.25:
            self.session.lost("sink_failed")
            self.model.lost = "sink_failed"
        elif self.session.phase is Phase.STARTING:
            self.connect()

    def connect(self) -> None:
        self.session.connected(self.session.intent)
        self.model.connected = True

    def wait(self) -> None:
        self.now_ms += self.random.choice((1, 100, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000))

    def forsake(self) -> None:
        """bot_main dies and stays away for a while."""
        self.health.pop("bot_main", None)
        self.now_ms += self.random.choice((10_000, 29_999, 30_000))

    def compare(self) -> None:
        world = World(self.intent, dict(self.health), self.place_free, self.silent)
        rows = self.session.step(world, self.now_ms)
        self.model.step(world, self.now_ms)
        assert all((row.state, row.event, row.next) in MOVES for row in rows)
        assert self.session.phase == self.model.phase, f"seed {self.seed}"
        state = self.session.state(self.now_ms)
        shown = self.model.phase != "idle" or self.now_ms - self.model.entered_ms < 5_000
        assert (state is not None) == (self.model.answered is not None and shown), f"seed {self.seed}"
        if state:
            expected = (self.model.answered.revision, self.model.refusal, self.model.reason)
            assert (state.revision, state.refusal, state.reason) == expected, f"seed {self.seed}"

    def heal(self) -> None:
        """Levels come again until all are known: the session then is where it is wanted, and nowhere else."""
        self.intent = self.sent[-1] if self.sent else None
        self.place_free = self.silent = True
        self.apply()
        for _ in range(8):
            self.now_ms += 2_000
            if self.session.phase is Phase.STARTING:
                self.connect()
            self.compare()
        tried_before = bool(self.intent and self.intent.revision <= self.model.dead_revision)
        here = self.model.wanted() and not tried_before
        assert self.session.phase is (Phase.ACTIVE if here else Phase.IDLE), f"seed {self.seed}"
