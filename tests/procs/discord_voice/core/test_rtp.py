import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.audio import FRAME_NS
from procs.discord_voice.core.rtp import RtpClock

pytestmark = pytest.mark.unit


def test_packets_of_a_stretch_are_twenty_ms_of_sound_apart_however_late_they_leave():
    clock = RtpClock()
    times = [0, 21, 75, 91, 107]
    assert [clock.next(ms * 1_000_000) for ms in times] == [(n, n * 960) for n in range(5)]


def test_over_a_pause_the_timestamp_goes_on_and_the_sequence_does_not():
    clock = RtpClock()
    clock.next(0)
    clock.pause()
    assert clock.next(50 * FRAME_NS) == (1, 50 * 960)
    assert clock.next(51 * FRAME_NS) == (2, 51 * 960)


def test_both_wrap():
    clock = RtpClock()
    clock.next(0)
    for n in range(1, 66_000):
        sequence, timestamp = clock.next(n)
    assert sequence == 65_999 - 65_536
    assert timestamp == 65_999 * 960
    for n in range(10):
        clock.pause()
        _, timestamp = clock.next(n * 10**18)
        assert 0 <= timestamp < 2**32


@given(st.lists(st.tuples(st.integers(0, 10**15), st.booleans()), min_size=2, max_size=50))
def test_a_step_is_always_forward_and_of_whole_frames(packets):
    clock, now_ns, last = RtpClock(), 0, None
    for gap_ns, paused in packets:
        now_ns += gap_ns
        if paused:
            clock.pause()
        _, timestamp = clock.next(now_ns)
        if last is not None:
            step = (timestamp - last) % 2**32
            assert step % 960 == 0
            assert 0 < step < 2**31
        last = timestamp
