"""What is done with sound while nothing can leave, by a clock that a test turns."""

import pytest

from bus.audio import FRAME_NS
from bus.messages import TurnKind
from procs.discord_voice.backends.mouth import HOLD, HOLD_FRAMES, LOST_FRAMES, OUTAGE_NS, Mouth
from procs.sink.backends.base import Source
from procs.sink.core.playout import Playout
from tests.procs.sink.sound import frame

pytestmark = pytest.mark.unit

ENDS = (TurnKind.DONE, TurnKind.FAILED)
N_FRAMES = 100


class Wire:
    """A connection whose frames leave or do not."""

    holds = False
    leaves = True

    def pause(self) -> None:
        pass

    def send(self, opus: bytes, now_ns: int) -> bool:
        return self.leaves


class Hand:
    """A line that a test holds, and what is said on it."""

    def __init__(self) -> None:
        self.connection: Wire | None = Wire()
        self.is_to_end = False
        self.has_listeners = True
        self.silenced = ""
        self.now_ns = 10**12
        self.mouth = Mouth(self, lambda: self.now_ns)  # type: ignore[arg-type]
        self.playout = Playout()
        self.source = Source(self.playout, lambda: self.now_ns, lambda: None)
        self.turn = 0

    def say(self) -> tuple[int, TurnKind, str]:
        """A turn to its end: how many of its 20 ms were waited, and what became of it."""
        self.turn += 1
        for index in range(N_FRAMES):
            self.source.put(self.turn, frame(index, final=index == N_FRAMES - 1))
        self.source.start()
        self.mouth.open(self.source)
        n_held = 0
        while data := self.mouth.read():
            n_held += data is HOLD
            self.mouth.say(data)
            self.now_ns += FRAME_NS
        (end,) = [one for one in self.source.take_milestones() if one.kind in ENDS]
        return n_held, end.kind, end.code


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_an_outage_is_waited_for_once_and_another_one_anew(hand: Hand) -> None:
    hand.connection = None
    assert hand.say() == (HOLD_FRAMES, TurnKind.FAILED, "voice_interrupted")
    assert hand.say() == (0, TurnKind.FAILED, "voice_interrupted")
    hand.now_ns += OUTAGE_NS
    assert hand.say() == (HOLD_FRAMES, TurnKind.FAILED, "voice_interrupted")
    report = hand.source.report()
    assert (report.sent, report.deficit) == (0, 2 * HOLD_FRAMES)


def test_after_a_connection_stood_the_next_outage_is_waited_for(hand: Hand) -> None:
    wire, hand.connection = hand.connection, None
    assert hand.say() == (HOLD_FRAMES, TurnKind.FAILED, "voice_interrupted")
    hand.connection = wire
    hand.mouth.connected()
    hand.connection = None
    assert hand.say() == (HOLD_FRAMES, TurnKind.FAILED, "voice_interrupted")


def test_what_does_not_leave_for_a_second_is_given_up_and_one_frame_tells_that_it_leaves_again(
    hand: Hand,
) -> None:
    assert hand.connection is not None
    hand.connection.leaves = False
    assert hand.say()[1:] == (TurnKind.FAILED, "voice_interrupted")
    assert hand.source.report().deficit == LOST_FRAMES
    assert hand.say()[1:] == (TurnKind.FAILED, "voice_interrupted")
    assert hand.source.report().deficit == LOST_FRAMES + 1
    hand.connection.leaves = True
    assert hand.say()[1:] == (TurnKind.DONE, "")
    assert hand.source.report().sent == N_FRAMES


def test_alone_nothing_is_given_up_and_nothing_counts_as_sent(hand: Hand) -> None:
    assert hand.connection is not None
    hand.connection.leaves, hand.has_listeners, hand.silenced = False, False, "voice_muted"
    assert hand.say()[1:] == (TurnKind.DONE, "")
    report = hand.source.report()
    assert (report.sent, report.deficit, report.played_ms) == (0, N_FRAMES, 20 * N_FRAMES)
