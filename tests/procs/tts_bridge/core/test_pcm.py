import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_bridge.core.chunk import Encoding
from procs.tts_bridge.core.pcm import FULL_SCALE, Decoder, to_float, to_int16

pytestmark = pytest.mark.unit


def pcm_of(data: bytes, encoding: Encoding = Encoding.F32LE) -> np.ndarray:
    return to_int16(Decoder(encoding).feed(data))


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


def test_full_scale_maps_to_full_scale_and_zero_to_zero():
    assert pcm_of(floats(0, 1, -1, 0.5)).tolist() == [0, 32767, -32767, 16384]


@given(st.lists(st.floats(-1, 1, width=32)))
def test_every_float_becomes_the_nearest_integer(values):
    got = pcm_of(floats(*values))
    assert np.all(np.abs(got - np.array(values, np.float32).astype(np.float64) * 32767) <= 0.502)


def test_sound_beyond_full_scale_is_clipped_and_counted():
    decoder = Decoder(Encoding.F32LE)
    assert to_int16(decoder.feed(floats(1.5, -7, 1e30, 0.1))).tolist() == [32767, -32767, 32767, 3277]
    assert (decoder.n_clipped, decoder.n_repaired) == (3, 0)


def test_nan_and_infinity_become_silence_and_are_counted():
    decoder = Decoder(Encoding.F32LE)
    got = to_int16(decoder.feed(floats(float("nan"), float("inf"), float("-inf"), 0.25)))
    assert got.tolist() == [0, 0, 0, 8192]
    assert (decoder.n_clipped, decoder.n_repaired) == (0, 3)


def test_a_constant_offset_is_left_alone():
    assert set(pcm_of(floats(*[0.125] * 100)).tolist()) == {4096}


@given(st.binary(max_size=400), st.lists(st.integers(1, 9), min_size=1))
def test_integers_pass_bit_exact_however_the_bytes_are_cut(data, sizes):
    decoder, got, at = Decoder(Encoding.S16LE), b"", 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        got += to_int16(decoder.feed(data[at : at + size])).tobytes()
        at += size
    assert got == data[: len(data) // 2 * 2]


@given(st.lists(st.floats(-1, 1, width=32), max_size=60), st.lists(st.integers(1, 11), min_size=1))
def test_floats_are_the_same_however_the_bytes_are_cut(values, sizes):
    data, decoder, got, at = floats(*values), Decoder(Encoding.F32LE), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        got += to_int16(decoder.feed(data[at : at + size])).tolist()
        at += size
    assert got == pcm_of(data).tolist()


def test_integers_survive_the_way_through_a_resampler_that_does_nothing():
    samples = np.arange(-FULL_SCALE, FULL_SCALE + 1, dtype=np.int16)
    assert np.array_equal(to_int16(to_float(samples)), samples)
