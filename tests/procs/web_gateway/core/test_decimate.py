import numpy as np
import pytest

from bus.audio import FRAME_BYTES, SAMPLE_RATE_HZ
from procs.web_gateway.core.decimate import Decimator

pytestmark = pytest.mark.unit


def played(rate_hz, tone_hz, n_frames=50):
    """A tone of -6 dB on its way down; returns the samples behind the first 100 ms."""
    times = np.arange(n_frames * 960) / SAMPLE_RATE_HZ
    pcm = (16_384 * np.sin(2 * np.pi * tone_hz * times)).astype("<i2").tobytes()
    decimator = Decimator(rate_hz)
    frames = [decimator.feed(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]
    assert {len(frame) for frame in frames} == {rate_hz // 50 * 2}
    return np.frombuffer(b"".join(frames), "<i2").astype(float)[rate_hz // 10 :]


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_a_voice_passes_unchanged(rate_hz):
    for tone_hz in (100, 1_000, 3_000, 6_000):
        samples = played(rate_hz, tone_hz)
        times = np.arange(len(samples)) / rate_hz
        waves = np.array([np.sin(2 * np.pi * tone_hz * times), np.cos(2 * np.pi * tone_hz * times)])
        (fit, *_) = np.linalg.lstsq(waves.T, samples, rcond=None)
        rest = samples - fit @ waves
        assert np.hypot(*fit) == pytest.approx(16_384, rel=0.01)
        assert np.sqrt(np.mean(rest**2)) < 5  # 70 dB below the tone


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_what_the_new_rate_can_not_carry_is_gone(rate_hz):
    for tone_hz in (rate_hz * 0.6, rate_hz * 0.8, rate_hz * 0.95):
        assert np.abs(played(rate_hz, tone_hz)).max() < 16_384 / 1_000  # 60 dB


def test_the_loudest_sound_does_not_wrap():
    square = np.where(np.arange(960) // 40 % 2, 32_767, -32_768).astype("<i2").tobytes()
    decimator = Decimator(16_000)
    frames = np.frombuffer(b"".join(decimator.feed(square) for _ in range(5)), "<i2")
    steps = np.sign(frames[400:]) != 0
    assert steps.mean() > 0.9
    assert frames.max() == 32_767


def test_48_khz_pass_as_they_are():
    pcm = bytes(range(256)) * 7 + bytes(128)
    assert Decimator(48_000).feed(pcm) == pcm
