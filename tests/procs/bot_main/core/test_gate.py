"""The gate against a model, on levels that are lost, doubled, reordered, while readers and sinks restart."""

import random

import pytest

from bus.header import PROTOCOL, Header
from bus.level import Level
from bus.messages import Phase
from procs.bot_main.core.gate import FEATURES, HOLDING, LOST_MS, UNKNOWN_MS, Action, Closure, Notices

pytestmark = pytest.mark.unit

STEP_MS = 200
LEASE_MS = 3_000
N_SEQUENCES = 10_000
PHASES = (Phase.STARTING, Phase.ACTIVE, Phase.STOPPING, Phase.IDLE)


class Sequence:
    """A sink that tells its level each second over a bad line, and a reader with the gate's core.

    The line loses, doubles and reorders; at most four repetitions in a row are lost, and a reader that starts
    hears what holds within its first two seconds, as a subscription does.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now_ms, self.seq, self.n_lost = 10_000, 0, 0
        self.phase = Phase.IDLE
        self.is_alive = True
        self.line: list[tuple[int, int, Phase]] = []
        self.restart_reader()

    def restart_reader(self) -> None:
        self.level: Level[Phase] = Level()
        self.closure = Closure(self.now_ms)
        if self.is_alive:
            self.hear(*self.sent())

    def sent(self) -> tuple[int, int, Phase]:
        self.seq += 1
        return self.seq, self.now_ms, self.phase

    def hear(self, seq: int, at_ms: int, phase: Phase) -> None:
        header = Header(PROTOCOL, "discord_voice", 1, seq, "s", 0, at_ms * 1_000_000, 0)
        self.level.update(header, phase, self.now_ms * 1_000_000, LEASE_MS)

    def step(self) -> bool:
        """A fifth of a second; whether the gate is open after it."""
        self.now_ms += STEP_MS
        chance = self.chance.random()
        if chance < 0.02:
            self.restart_reader()
        elif chance < 0.06 and self.is_alive:
            self.phase = PHASES[(PHASES.index(self.phase) + 1) % 4]
            self.send(may_be_lost=False)
        elif self.is_alive and self.now_ms % 1_000 == 0:
            self.send(may_be_lost=True)
        self.deliver()
        present = self.level.items(self.now_ms * 1_000_000)
        self.closure.observe(((src, s, phase) for src, s, phase in present), self.now_ms)
        return self.closure.is_open(self.now_ms)

    def send(self, *, may_be_lost: bool) -> None:
        if may_be_lost and self.n_lost < 4 and self.chance.random() < 0.2:
            self.n_lost += 1
            return
        self.n_lost = 0
        self.line += [self.sent()] * (2 if self.chance.random() < 0.2 else 1)

    def deliver(self) -> None:
        if self.chance.random() < 0.2:
            self.chance.shuffle(self.line)
        for each in self.line:
            self.hear(*each)
        self.line.clear()


def test_it_is_never_open_while_a_session_holds_and_always_within_6_s_of_its_end():
    for seed in range(N_SEQUENCES):
        sequence = Sequence(seed)
        free_since_ms, n_free = None, 0
        death = sequence.chance.randrange(20, 60)
        for number in range(100):
            if number == death:
                sequence.is_alive = False  # killed: its lease is 3 s, and then it is lost
            is_open = sequence.step()
            holds = sequence.is_alive and sequence.phase in HOLDING
            assert not (is_open and holds), seed
            free_since_ms = None if holds else (free_since_ms or sequence.now_ms)
            if free_since_ms is not None and sequence.now_ms - free_since_ms >= LEASE_MS + LOST_MS + STEP_MS:
                n_free += 1
                assert is_open or sequence.now_ms - sequence.closure._began_ms < UNKNOWN_MS, seed
        assert n_free, "every sequence ends free"


def test_nothing_is_open_before_it_is_known_whether_a_session_holds():
    closure = Closure(0)
    closure.observe([], 100)
    assert not closure.is_open(UNKNOWN_MS - 1)
    assert closure.is_open(UNKNOWN_MS)


def test_a_lost_session_holds_three_seconds_more_and_an_ended_one_not_at_all():
    closure = Closure(-UNKNOWN_MS)
    closure.observe([("web_gateway", "s", Phase.ACTIVE)], 0)
    closure.observe([], 1_000)
    assert not closure.is_open(1_000)
    closure.observe([], 1_000 + LOST_MS)
    assert closure.is_open(1_000 + LOST_MS)
    closure.observe([("web_gateway", "t", Phase.STOPPING)], 5_000)
    assert not closure.is_open(5_000)
    closure.observe([("web_gateway", "t", Phase.IDLE)], 5_001)
    assert closure.is_open(5_001)


def test_a_lost_session_that_nobody_wants_any_more_holds_no_longer_than_its_lease():
    wanted = {"s"}
    closure = Closure(-UNKNOWN_MS, wanted.__contains__)
    closure.observe([("discord_voice", "s", Phase.ACTIVE)], 0)
    wanted.clear()
    closure.observe([("discord_voice", "s", Phase.ACTIVE)], 500)
    assert not closure.is_open(500), "its sink still says that it holds it"
    closure.observe([], 1_000)
    assert closure.is_open(1_000)


def test_a_session_on_any_sink_closes_it():
    closure = Closure(-UNKNOWN_MS)
    closure.observe([("discord_voice", "s", Phase.IDLE), ("web_gateway", "t", Phase.STARTING)], 0)
    assert not closure.is_open(0)


def test_a_sentence_is_said_once_in_a_minute_for_each_feature():
    notices = Notices()
    assert notices.is_due("vision", 1, 0)
    assert not notices.is_due("vision", 1, 59_999)
    assert notices.is_due("vision", 2, 1)
    assert notices.is_due("drawing", 1, 1)
    assert notices.is_due("vision", 1, 60_000)


def test_every_blocked_row_has_a_sentence():
    assert all(bool(row.sentence) == (row.action is Action.BLOCKED) for row in FEATURES)
    assert len({row.name for row in FEATURES}) == len(FEATURES)
