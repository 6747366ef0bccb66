import pytest

from bus.audio import FRAME_MS, FRAME_NS, SILENCE
from bus.messages import AudioFrame, TurnKind
from procs.sink.core.fade import join
from procs.sink.core.playout import LIMIT, PAUSE_AFTER_FRAMES, Kind, Played, Playout
from tests.procs.sink.sound import end, frame, last_sample, pcm

pytestmark = pytest.mark.unit


class Sink:
    """Plays a playout by hand, 20 ms at a time."""

    def __init__(self, prebuffer_frames: int = 0) -> None:
        self.playout = Playout(prebuffer_frames)
        self.now_ns = 0

    def put(self, turn: int, *frames: AudioFrame) -> None:
        for each in frames:
            self.playout.put(turn, each, self.now_ns)

    def next(self) -> Played:
        played = self.playout.next(self.now_ns)
        self.now_ns += FRAME_NS
        return played

    def kinds(self, n_frames: int) -> list[Kind]:
        return [self.next().kind for _ in range(n_frames)]

    def stretch(self) -> list[Played]:
        """Start and play to the end."""
        self.playout.start()
        heard = []
        while (played := self.next()).kind is not Kind.END:
            heard.append(played)
        return heard

    def purge(self, floor: int) -> None:
        self.playout.purge(floor, self.now_ns)

    def milestones(self) -> list[tuple[int, TurnKind]]:
        return [(m.turn, m.kind) for m in self.playout.take_milestones()]


def test_a_turn_is_played_bit_by_bit_as_it_came():
    sink = Sink()
    frames = [frame(n, final=n == 9) for n in range(10)]
    sink.put(7, *frames)
    assert [p.pcm for p in sink.stretch()] == [f.pcm for f in frames]
    assert sink.milestones() == [
        (7, TurnKind.RECEIVED),
        (7, TurnKind.FIRST_FRAME),
        (7, TurnKind.DONE),
    ]


def test_nothing_begins_before_there_is_sound_and_nothing_sounds_before_it_begins():
    sink = Sink()
    assert not sink.playout.startable
    sink.put(7, frame(0))
    assert sink.playout.startable
    assert sink.next().kind is Kind.END
    assert sink.playout.start() == 7
    assert not sink.playout.startable


def test_the_end_comes_once_the_last_frame_has_been_heard_and_stays():
    sink = Sink()
    sink.put(7, frame(0, final=True))
    sink.playout.start()
    assert sink.next().kind is Kind.FRAME
    assert sink.playout.report().finished_turn == 0
    assert sink.kinds(3) == [Kind.END] * 3
    assert sink.playout.report().finished_turn == 7


def test_the_first_audio_waits_for_the_prebuffer_or_for_a_short_turns_end():
    sink = Sink(prebuffer_frames=3)
    sink.put(7, frame(0), frame(1))
    assert not sink.playout.startable
    sink.put(7, end())
    assert sink.playout.startable


def test_an_underrun_is_filled_with_silence_that_fades_in_and_out():
    sink = Sink()
    sink.put(7, frame(0, 9000))
    sink.playout.start()
    sink.next()
    falling, silence = sink.next(), sink.next()
    sink.put(7, frame(1, 9000), end())
    rising = sink.next()
    assert falling == Played(Kind.SILENCE, join(pcm(9000), SILENCE))
    assert silence == Played(Kind.SILENCE, SILENCE)
    assert rising == Played(Kind.FRAME, join(b"", pcm(9000)))
    sink.next()
    report = sink.playout.report()
    assert (report.underruns, report.nulled, report.sent) == (1, 2, 2)


def test_after_an_underrun_the_prebuffer_fills_up_again():
    sink = Sink(prebuffer_frames=2)
    sink.put(7, frame(0), frame(1))
    sink.playout.start()
    assert sink.kinds(3) == [Kind.FRAME, Kind.FRAME, Kind.SILENCE]
    sink.put(7, frame(2))
    assert sink.next().kind is Kind.SILENCE
    sink.put(7, frame(3))
    assert sink.kinds(3) == [Kind.FRAME, Kind.FRAME, Kind.SILENCE]


def test_sound_missing_for_ten_seconds_ends_the_stretch_but_not_the_turn():
    sink = Sink()
    sink.put(7, frame(0))
    sink.playout.start()
    assert sink.kinds(2 + PAUSE_AFTER_FRAMES)[-2:] == [Kind.SILENCE, Kind.END]
    assert not sink.playout.startable
    assert sink.playout.report().finished_turn == 0
    sink.put(7, frame(1, 500), end())
    heard = sink.stretch()
    assert [p.pcm for p in heard] == [join(b"", pcm(500))]
    assert sink.playout.report().finished_turn == 7


def test_a_purge_fades_within_one_frame_and_ends():
    sink = Sink()
    sink.put(7, *(frame(n, 9000) for n in range(50)))
    sink.playout.start()
    sink.kinds(3)
    sink.purge(8)
    assert sink.next() == Played(Kind.SILENCE, join(pcm(9000), SILENCE))
    assert sink.kinds(2) == [Kind.END, Kind.END]
    assert sink.milestones()[-1] == (7, TurnKind.CUT)
    report = sink.playout.report()
    assert (report.turn, report.played_ms, report.buffered_ms, report.finished_turn) == (7, 60, 0, 7)


def test_a_purge_leaves_turns_above_the_floor_and_they_follow():
    sink = Sink()
    sink.put(7, frame(0), frame(1), end())
    sink.put(9, frame(0, 90), end())
    sink.playout.start()
    sink.next()
    sink.purge(8)
    assert sink.kinds(2) == [Kind.SILENCE, Kind.END]
    assert sink.playout.start() == 9
    assert sink.next() == Played(Kind.FRAME, pcm(90))


def test_frames_of_a_cut_turn_that_come_later_are_dropped_and_counted():
    sink = Sink()
    sink.put(7, frame(0))
    sink.purge(8)
    sink.put(7, frame(1))
    assert not sink.playout.startable
    assert sink.playout.counters.stale == 1


def test_a_frame_that_comes_twice_is_heard_once():
    sink = Sink()
    sink.put(7, frame(0), frame(1), frame(1), frame(0), frame(2), end())
    assert [last_sample(p.pcm) for p in sink.stretch()] == [1, 2, 3]
    assert sink.playout.counters.doubled == 2


def test_a_gap_is_counted_and_joined_and_moves_the_position():
    sink = Sink()
    sink.put(7, frame(0, 100), frame(5, 9000), end())
    assert [p.pcm for p in sink.stretch()] == [pcm(100), join(pcm(100), pcm(9000))]
    assert sink.playout.counters.missed == 4
    assert sink.playout.report().played_ms == 6 * FRAME_MS


def test_a_reborn_sink_enters_in_the_middle_and_reports_where_it_is():
    sink = Sink()
    sink.put(7, frame(100), frame(101))
    sink.playout.start()
    assert sink.next().pcm == join(b"", frame(100).pcm)
    assert sink.playout.counters.missed == 0
    report = sink.playout.report()
    assert (report.turn, report.played_ms, report.buffered_ms) == (7, 101 * FRAME_MS, FRAME_MS)


def test_a_newer_turn_ends_one_whose_end_was_lost():
    sink = Sink()
    sink.put(7, frame(0, 9000))
    sink.playout.start()
    sink.next()
    sink.put(8, frame(0), end())
    assert [sink.next(), sink.next()] == [
        Played(Kind.SILENCE, join(pcm(9000), SILENCE)),
        Played(Kind.END),
    ]
    failed = sink.playout.take_milestones()[-1]
    assert (failed.turn, failed.kind, failed.code) == (7, TurnKind.FAILED, "peer_lost")
    assert sink.playout.start() == 8


def test_a_turn_without_sound_is_done_without_a_frame():
    sink = Sink()
    sink.put(7, end())
    assert sink.stretch() == []
    assert sink.milestones() == [(7, TurnKind.RECEIVED), (7, TurnKind.DONE)]


def test_the_buffer_refuses_what_is_more_than_five_seconds_and_still_ends():
    sink = Sink()
    sink.put(7, *(frame(n, final=n == LIMIT + 9) for n in range(LIMIT + 10)))
    heard = sink.stretch()
    assert [last_sample(p.pcm) for p in heard] == list(range(1, LIMIT + 1))
    assert sink.playout.counters.overflowed == 10
    assert sink.playout.report().finished_turn == 7


def test_a_flood_of_empty_turns_is_bounded():
    sink = Sink()
    for turn in range(1, 2 * LIMIT):
        sink.put(turn, end())
    assert sink.playout.counters.overflowed == 2 * LIMIT - 1 - (LIMIT + 1)


def test_milestones_carry_the_time_since_the_first_frame_came_in():
    sink = Sink()
    sink.put(7, frame(0, final=True))
    sink.now_ns += 5_000_000
    sink.stretch()
    assert [m.elapsed_ms for m in sink.playout.take_milestones()] == [0.0, 5.0, 25.0]


def test_frames_that_leave_more_than_20_ms_late_are_counted():
    sink = Sink()
    sink.put(7, *(frame(n) for n in range(3)))
    sink.playout.start()
    sink.next()
    sink.now_ns += 21_000_000
    sink.next()
    assert sink.playout.report().late == 1
