import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_bridge.core.joins import Joiner, Pauses

pytestmark = pytest.mark.unit

TWO_PERCENT = 655


def constant(value: int, n_samples: int) -> np.ndarray:
    return np.full(n_samples, value, np.int16)


@given(st.integers(-32767, 32767), st.integers(-32767, 32767), st.integers(1, 500))
def test_a_join_never_jumps_by_two_percent(before, after, cut):
    joiner = Joiner()
    parts = [joiner.feed(constant(before, 400))]
    joiner.join()
    parts += [joiner.feed(constant(after, cut)), joiner.feed(constant(after, 500))]
    sound = np.concatenate([[0], *parts]).astype(int)
    assert np.abs(np.diff(sound)).max() < TWO_PERCENT
    assert sound[-1] == after
    assert len(sound) == 1 + 400 + cut + 500


@given(st.integers(-327, 327), st.lists(st.integers(-32767, 32767), max_size=300))
def test_a_join_without_a_step_stays_bit_exact(first, rest):
    joiner = Joiner()
    samples = np.array([first, *rest], np.int16)
    assert np.array_equal(joiner.feed(samples), samples)


def test_steps_inside_a_stretch_are_the_voices_own():
    joiner = Joiner()
    joiner.feed(constant(0, 10))
    loud = constant(30_000, 10)
    assert np.array_equal(joiner.feed(loud), loud)


def test_a_ramp_goes_on_over_the_smallest_chunks():
    at_once, bit_by_bit = Joiner(), Joiner()
    loud = constant(20_000, 400)
    expected = at_once.feed(loud)
    got = np.concatenate([bit_by_bit.feed(loud[i : i + 1]) for i in range(400)])
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("left_by_the_voice_ms", [0, 30, 120, 200, 500])
def test_a_pause_completes_the_silence_the_voice_left(left_by_the_voice_ms):
    pauses = Pauses(200)
    n_left = left_by_the_voice_ms * 48
    pauses.feed(np.concatenate([constant(9_000, 4_800), constant(40, n_left)]))
    assert pauses.missing() == max(0, 200 * 48 - n_left)


def test_silence_is_counted_across_chunks():
    pauses = Pauses(100)
    for part in (constant(9_000, 500), constant(3, 960), constant(0, 1), constant(0, 0), constant(-5, 960)):
        pauses.feed(part)
    assert pauses.missing() == 4_800 - 1_921


def test_no_pause_may_be_wanted():
    pauses = Pauses(0)
    pauses.feed(constant(9_000, 500))
    assert pauses.missing() == 0
