"""What must hold whatever comes in: nothing lost, nothing doubled, nothing heard below the floor."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bus.audio import FRAME_NS, SILENCE
from bus.messages import AudioFrame, TurnKind
from procs.sink.core.playout import Kind, Playout
from tests.procs.sink.sound import last_sample, pcm

pytestmark = pytest.mark.unit

ENDINGS = {TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED}


class PlayoutRules(RuleBasedStateMachine):
    """A writer that sends turns one after the other over a lossy line, cuts, and a sink that plays."""

    @initialize(prebuffer_frames=st.integers(0, 4))
    def begin(self, prebuffer_frames):
        self.playout = Playout(prebuffer_frames)
        self.now_ns = 0
        self.turn, self.index, self.ended = 1, 0, False
        self.floor = 0
        self.sent: dict[int, list[int]] = {}
        self.heard: dict[int, list[int]] = {}
        self.names: dict[int, tuple[int, int]] = {}
        self.milestones: list[tuple[int, TurnKind, str]] = []
        self.n_left, self.n_due, self.told = 0, 0, (0, 0, 0)
        self.playing = 0

    def frame(self, final):
        name = len(self.names) + 1
        self.names[name] = (self.turn, self.index)
        return AudioFrame(self.index, 0, pcm(name), final)

    @rule(lost=st.integers(0, 3), doubled=st.booleans(), final=st.booleans())
    def put(self, lost, doubled, final):
        if self.ended:
            return
        self.index += lost
        frame = self.frame(final)
        for _ in range(1 + doubled):
            self.playout.put(self.turn, frame, self.now_ns)
        if self.turn >= self.floor:
            self.sent.setdefault(self.turn, []).append(self.index)
        self.index += 1
        self.ended = final

    @rule(ahead=st.integers(1, 3))
    def next_turn(self, ahead):
        self.turn, self.index, self.ended = self.turn + ahead, 0, False

    @rule(above=st.integers(-2, 2))
    def purge(self, above):
        floor = self.turn + above
        self.playout.purge(floor, self.now_ns)
        self.floor = max(self.floor, floor)

    @precondition(lambda self: self.playout.startable)
    @rule()
    def start(self):
        self.playing = self.playout.start()

    @rule(n_frames=st.integers(1, 8), leaves=st.booleans())
    def play(self, n_frames, leaves):
        for _ in range(n_frames):
            played = self.playout.next(self.now_ns)
            self.hear(played)
            if not leaves and played.kind is not Kind.END:
                self.playout.missed()
            self.n_left += leaves and played.kind is Kind.FRAME
            self.n_due += played.kind is Kind.FRAME
            self.now_ns += FRAME_NS

    @precondition(lambda self: self.playout.sounding)
    @rule(n_frames=st.integers(1, 100))
    def hold(self, n_frames):
        for _ in range(n_frames):
            self.playout.held()
            self.now_ns += FRAME_NS
        self.n_due += n_frames

    @precondition(lambda self: self.playout.sounding)
    @rule()
    def give_up(self):
        self.playout.fail("voice_interrupted", self.now_ns)
        assert self.playout.next(self.now_ns).kind is Kind.END

    def hear(self, played):
        if played.kind is not Kind.FRAME:
            assert played.pcm[-2:] in (b"", SILENCE[-2:])
            return
        turn, index = self.names[last_sample(played.pcm)]
        assert turn == self.playing
        assert turn >= self.floor
        self.heard.setdefault(turn, []).append(index)

    @invariant()
    def frames_are_heard_in_order_and_once(self):
        for turn, indices in self.heard.items():
            assert indices == self.sent[turn][: len(indices)]

    @invariant()
    def a_turn_ends_once_and_whole_unless_it_is_cut(self):
        self.milestones += [(m.turn, m.kind, m.code) for m in self.playout.take_milestones()]
        endings = [one for one in self.milestones if one[1] in ENDINGS]
        turns = [turn for turn, _, _ in endings]
        assert turns == sorted(set(turns))
        assert self.playout.report().finished_turn == max(turns, default=0)
        assert self.playout.report().code == (endings[-1][2] if endings else "")
        for turn, kind, code in endings:
            if kind is not TurnKind.CUT and code != "voice_interrupted":
                assert self.heard.get(turn, []) == self.sent.get(turn, [])

    @invariant()
    def what_left_is_told_and_never_taken_back(self):
        report = self.playout.report()
        assert self.n_left - 1 <= report.sent <= self.n_left, "the newest frame may still be on its way"
        assert report.deficit >= self.n_due - self.n_left, "what was due and did not leave is missing"
        assert report.late == 0, "what waited with everything else is not late"
        now = report.sent, report.nulled, report.underruns
        assert all(later >= before for later, before in zip(now, self.told, strict=True))
        self.told = now

    def teardown(self):
        """Whatever happened: once every turn is below the floor, silence comes within a frame and stays."""
        if not hasattr(self, "playout"):
            return
        self.playout.purge(self.turn + 1, self.now_ns)
        self.floor = self.turn + 1
        played = [self.playout.next(self.now_ns) for _ in range(3)]
        assert [p.kind for p in played[1:]] == [Kind.END, Kind.END]
        assert not self.playout.startable


TestPlayoutRules = PlayoutRules.TestCase
TestPlayoutRules.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
