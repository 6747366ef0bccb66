from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.audio import FRAME_NS
from procs.sink.core.pacing import REGAINED_AT_MOST_NS, SHORTEST_GAP_NS, FrameClock, PaceMeter

pytestmark = pytest.mark.unit

MS = 1_000_000
START_NS = 5_000 * MS


def play(delays_ns: list[int], clock: FrameClock) -> list[int]:
    """When frames leave if each is delayed by so much beyond its due time."""
    times: list[int] = []
    now_ns = START_NS
    for delay_ns in delays_ns:
        now_ns = max(now_ns, clock.due_ns()) + delay_ns
        clock.left(now_ns)
        times.append(now_ns)
    return times


def gaps(times: list[int]) -> list[int]:
    return [b - a for a, b in pairwise(times)]


def test_the_first_frame_leaves_at_once_and_starts_the_clock():
    clock = FrameClock()
    assert clock.due_ns() == 0
    clock.left(START_NS)
    assert clock.due_ns() == START_NS + FRAME_NS


def test_a_late_frame_delays_none_behind_it():
    times = play([0, 0, 3 * MS, 0, 0], FrameClock())
    assert [t - START_NS for t in times] == [0, 20 * MS, 43 * MS, 60 * MS, 80 * MS]


def test_a_stall_is_regained_without_a_burst():
    times = play([0, 0, 100 * MS] + [0] * 60, FrameClock())
    assert min(gaps(times)) == SHORTEST_GAP_NS
    assert times[-1] == START_NS + (len(times) - 1) * FRAME_NS


def test_a_freeze_is_written_off():
    times = play([0, REGAINED_AT_MOST_NS + MS, 0, 0], FrameClock())
    assert gaps(times)[1:] == [FRAME_NS, FRAME_NS]


@given(st.lists(st.integers(0, 300 * MS), max_size=200))
def test_whatever_delays_there_are_frames_keep_their_distance_and_the_clock_its_time(delays_ns):
    clock, total = FrameClock(), [0, *delays_ns]
    times = play(total, clock)
    assert all(gap >= SHORTEST_GAP_NS for gap in gaps(times))
    assert all(time >= START_NS + n * FRAME_NS for n, time in enumerate(times))


def metered(times: list[int]) -> PaceMeter:
    meter = PaceMeter()
    meter.begin()
    for time in times:
        meter.left(time)
    return meter


def test_an_even_stretch_has_no_deficit_and_gaps_of_20_ms():
    meter = metered(play([0] * 3000, FrameClock()))
    assert (meter.n_frames, meter.late, meter.deficit, meter.bursts) == (3000, 0, 0, 0)
    assert meter.gap_ms(0.5) == meter.gap_ms(0.99) == 20.0
    assert meter.longest_gap_ns == FRAME_NS


def test_a_stall_shows_as_late_frames_and_the_longest_gap_and_is_forgiven_once_regained():
    meter = metered(play([0, 0, 100 * MS] + [0] * 60, FrameClock()))
    assert meter.late == 20
    assert meter.longest_gap_ns == 120 * MS
    assert meter.deficit == 0


def test_frames_not_regained_at_the_end_of_a_stretch_stay_missing():
    meter = metered(play([0, 0, 100 * MS], FrameClock()))
    meter.begin()
    assert meter.deficit == 5


def test_a_freeze_stays_missing_though_the_clock_forgets_it():
    meter = metered(play([0, 3_000 * MS] + [0] * 100, FrameClock()))
    assert meter.deficit == 150


def test_what_was_held_or_could_not_be_sent_is_missing_and_makes_nothing_late():
    meter = metered([0, 20 * MS])
    for _ in range(30):
        meter.held()
    meter.left(640 * MS)
    meter.missed()
    assert (meter.deficit, meter.late) == (31, 0)
    meter.begin()
    assert meter.deficit == 31


def test_bursts_are_counted():
    meter = metered([0, 20 * MS, 21 * MS, 22 * MS, 80 * MS])
    assert meter.bursts == 2


def test_the_pause_between_two_stretches_is_no_gap():
    meter = metered([0, 20 * MS])
    meter.begin()
    meter.left(9_000 * MS)
    assert (meter.longest_gap_ns, meter.deficit) == (20 * MS, 0)


def test_meters_add_up():
    both = PaceMeter()
    both.add(metered(play([0, 0, 100 * MS], FrameClock())))
    both.add(metered(play([0] * 10, FrameClock())))
    facts = both.facts()
    assert facts["frames"] == "13"
    assert facts["deficit"] == "5"
    assert facts["gap_max_ms"] == "120.0"
    assert facts["gap_p50_ms"] == "20.1"


def test_without_frames_there_are_no_gaps():
    assert PaceMeter().facts()["gap_p99_ms"] == "0.0"
