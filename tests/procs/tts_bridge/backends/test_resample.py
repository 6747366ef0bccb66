import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.core.pcm import to_int16

pytestmark = pytest.mark.unit

RATES = (22_050, 24_000, 32_000)


def tone(rate_hz: int, hz: float, seconds: float) -> np.ndarray:
    return (0.9 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.float32)


def resampled(samples: np.ndarray, rate_hz: int, sizes: list[int]) -> np.ndarray:
    resampler, parts, at, turn = SwResampler(rate_hz), [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        parts.append(resampler.feed(samples[at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate([*parts, resampler.flush()])


def snr_db(samples: np.ndarray, hz: float) -> float:
    """Signal to what is left when the best sine of that frequency is taken away."""
    middle = samples[len(samples) // 5 : -len(samples) // 5].astype(np.float64)
    phase = 2 * np.pi * hz * np.arange(len(middle)) / 48_000
    basis = np.stack([np.sin(phase), np.cos(phase), np.ones_like(phase)], 1)
    fit = basis @ np.linalg.lstsq(basis, middle, rcond=None)[0]
    return float(10 * np.log10(np.mean(fit**2) / np.mean((middle - fit) ** 2)))


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("hz", [200.0, 1000.0, 3000.0])
def test_a_tone_keeps_ninety_decibels(rate_hz, hz):
    sound = to_int16(resampled(tone(rate_hz, hz, 1.0), rate_hz, [rate_hz // 50]))
    assert snr_db(sound, hz) >= 90


@pytest.mark.parametrize("rate_hz", RATES)
def test_less_than_two_milliseconds_are_held_back(rate_hz):
    resampler, sound = SwResampler(rate_hz), tone(rate_hz, 440, 1.0)
    step, n_out = rate_hz // 50, 0
    for n_in in range(step, len(sound) + 1, step):
        n_out += len(resampler.feed(sound[n_in - step : n_in]))
        assert n_in * 48_000 / rate_hz - n_out <= 2 * 48


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(RATES), st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_chunk_borders_leave_no_trace(rate_hz, sizes):
    sound = tone(rate_hz, 997, 0.2)
    whole = resampled(sound, rate_hz, [len(sound)])
    assert np.allclose(resampled(sound, rate_hz, sizes), whole, atol=1e-6)


@pytest.mark.parametrize("rate_hz", RATES)
def test_the_tail_is_not_lost(rate_hz):
    sound = tone(rate_hz, 440, 0.5)
    assert abs(len(resampled(sound, rate_hz, [777])) - 24_000) <= 1


def test_nothing_in_nothing_out():
    assert len(SwResampler(22_050).flush()) == 0
