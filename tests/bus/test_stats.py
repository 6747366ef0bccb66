import pytest

from bus.header import PROTOCOL, Header
from bus.stats import Fence, Gaps, RateMeter

pytestmark = pytest.mark.unit


def header(seq: int = 0, boot: int = 1, src: str = "a") -> Header:
    return Header(PROTOCOL, src, boot, seq, "", 0, 0, 0)


def test_a_woken_process_is_fenced_once_its_replacement_has_spoken():
    fence = Fence()
    assert fence.admits(header(boot=1))
    assert fence.admits(header(boot=2))
    assert not fence.admits(header(boot=1))
    assert fence.admits(header(boot=1, src="other"))
    assert fence.fenced == 1


def test_missing_numbers_are_gaps_but_a_restart_is_none():
    gaps = Gaps()
    missed = [gaps.observe("t", header(seq=s, boot=b)) for s, b in [(5, 1), (6, 1), (9, 1), (0, 2), (1, 2)]]
    assert missed == [0, 0, 2, 0, 0]
    assert gaps.gaps == 2


def test_doubled_and_late_numbers_are_no_gaps():
    gaps = Gaps()
    for seq in (0, 1, 1, 0):
        gaps.observe("t", header(seq=seq))
    assert gaps.gaps == 0


def test_a_rate_counts_the_window_only():
    meter = RateMeter(window_s=2.0)
    for ms in range(0, 10_000, 20):
        meter.observe(ms * 1_000_000, 100)
    rate = meter.rate(9_980 * 1_000_000)
    assert rate.hz == pytest.approx(50)
    assert rate.bytes_per_s == pytest.approx(5_000, rel=0.02)
    assert rate.count == 500


def test_one_message_is_no_rate_yet():
    meter = RateMeter()
    meter.observe(0, 100)
    rate = meter.rate(1_000_000)
    assert (rate.hz, rate.bytes_per_s, rate.count) == (0, 0, 1)


def test_a_rate_falls_to_nothing_in_silence():
    meter = RateMeter(window_s=2.0)
    meter.observe(0, 100)
    assert meter.rate(3_000_000_000).hz == 0
