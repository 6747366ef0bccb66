import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.audio import FRAME_BYTES
from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.core.chunk import Chunk, Encoding
from procs.tts_bridge.core.pcm import to_int16
from procs.tts_bridge.core.track import Track
from tests.doubles.tone_voice import ToneVoice

pytestmark = pytest.mark.unit


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at, turn = [], 0, 0
    while at < len(data):
        parts.append(data[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(parts[-1]), turn + 1
    return parts


class Sound:
    """Feeds pieces to a track and collects its frames."""

    def __init__(self, pause_ms: int = 200) -> None:
        self.track = Track(SwResampler, pause_ms)
        self.frames: list[bytes] = []

    def piece(self, samples: np.ndarray, rate_hz: int = 48_000, sizes: list[int] | None = None) -> None:
        data = samples.astype("<f4").tobytes()
        parts = cut(data, sizes or [len(data)])
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            for frames in self.track.feed(Chunk(0, part, rate_hz, Encoding.F32LE, last=last)):
                self.frames += frames

    def samples(self) -> np.ndarray:
        self.frames += self.track.finish()
        assert all(len(frame) == FRAME_BYTES for frame in self.frames)
        return np.frombuffer(b"".join(self.frames), "<i2")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=5))
def test_sound_at_48_khz_passes_sample_exact_in_any_cut(sizes):
    voice, sound = ToneVoice(), Sound()
    said = voice.say("sample exact")
    sound.piece(said, sizes=sizes)
    got = sound.samples()
    assert np.array_equal(got[: len(said)], to_int16(said))
    assert not got[len(said) :].any()
    assert len(got) - len(said) < 960


@pytest.mark.parametrize("rate_hz", [22_050, 24_000, 32_000])
@pytest.mark.parametrize("size", [1_324, 4 * 2_048, 100_000])
def test_resampled_sound_is_heard_whole(rate_hz, size):
    sound = Sound()
    sound.piece(ToneVoice(rate_hz).say("The quick brown fox, 123!"), rate_hz, [size])
    heard = ToneVoice().hear(sound.samples())
    assert (heard.text, heard.n_slips) == ("The quick brown fox, 123!", 0)


def test_a_pause_stands_between_sentences():
    sound, voice = Sound(200), ToneVoice()
    sound.piece(voice.say("One."))
    sound.frames += sound.track.pause()
    sound.piece(voice.say("Two."))
    heard = voice.hear(sound.samples())
    assert heard.spans == ["One.", "Two."]
    assert heard.gaps_ms == [pytest.approx(200, abs=3)]


def test_a_piece_that_starts_and_stops_loud_does_not_click():
    sound = Sound()
    for level in (0.8, -0.8):
        sound.piece(np.full(5_000, level, np.float32))
    got = np.concatenate([[0], sound.samples(), [0]]).astype(int)
    assert np.abs(np.diff(got)).max() < 655


def test_sound_that_stops_loud_at_a_frame_border_is_led_to_silence():
    sound = Sound()
    sound.piece(np.full(960, 0.8, np.float32))
    assert abs(int(sound.samples()[-1])) < 655


def test_padding_lets_the_rest_of_a_piece_leave_at_once():
    sound, voice = Sound(), ToneVoice(symbol_ms=25)
    sound.piece(voice.say("abc"))
    assert len(sound.frames) == 3
    sound.frames += sound.track.pad()
    assert len(sound.frames) == 4
    assert sound.track.duration_ms == 80
    sound.piece(voice.say("def"))
    assert voice.hear(sound.samples()).text == "abcdef"


@given(st.lists(st.sampled_from(["piece", "pause", "pad"]), max_size=8))
def test_the_position_is_the_length_of_the_sound(steps):
    sound = Sound(90)
    for step in steps:
        if step == "piece":
            sound.piece(ToneVoice(symbol_ms=30).say("ab"))
        else:
            sound.frames += sound.track.pause() if step == "pause" else sound.track.pad()
    position = sound.track.n_samples
    assert 0 <= len(sound.samples()) - position < 960


def test_a_voice_that_stops_in_the_middle_of_a_piece_is_heard_up_to_there():
    voice, track = ToneVoice(), Track(SwResampler, 0)
    data = voice.say("half").astype("<f4").tobytes()
    frames = [f for fs in track.feed(Chunk(0, data[:9_999], 48_000, Encoding.F32LE)) for f in fs]
    got = np.frombuffer(b"".join(frames + track.finish()), "<i2")
    assert np.array_equal(got[:2_499], to_int16(voice.say("half"))[:2_499])


def test_damaged_samples_are_counted():
    sound = Sound()
    sound.piece(np.array([np.nan, 2.0, -np.inf] + [0.1] * 3_000, np.float32))
    sound.samples()
    assert (sound.track.n_repaired, sound.track.n_clipped) == (2, 1)
