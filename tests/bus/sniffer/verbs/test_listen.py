import wave

import numpy as np
import pytest

from tests.bus.sniffer.hearing import TURN, PaperBus, lines, rows, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "heard.wav"


def samples(file):
    with wave.open(str(file)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (48_000, 1, 2)
        return np.frombuffer(wav.readframes(wav.getnframes()), np.int16)


def listening(file, messages, *arguments):
    verb = verb_of("listen", file, "--show-content", *arguments)
    shown, ending = run(verb, messages)
    return verb, lines(shown), ending


def test_every_sample_of_every_turn_is_in_the_file(bus, file):
    messages = [bus.frame(i, level=i) for i in range(3)]
    messages += [bus.frame(i, level=10 + i, turn=TURN + 1) for i in range(2)]
    _, gaps, ending = listening(file, messages)
    assert np.array_equal(samples(file)[::960], [0, 1, 2, 10, 11])
    assert gaps == []
    assert rows(ending.outputs)[0]["duration_ms"] == 100
    assert file.stat().st_mode & 0o077 == 0


def test_what_is_missing_is_named_and_silent(bus, file):
    _, gaps, ending = listening(file, [bus.frame(0), bus.frame(3), bus.frame(4)])
    assert gaps == [f"turn {TURN}: frames 1 to 2 are missing (40 ms)"]
    assert np.array_equal(samples(file)[::960], [1000, 0, 0, 1000, 1000])
    assert "2 of 5 frames missing" in lines(ending.outputs)[0]


def test_a_turn_cut_at_its_beginning_is_a_gap_but_the_first_one_heard_was_just_joined(bus, file):
    _, gaps, _ = listening(file, [bus.frame(7), bus.frame(2, turn=TURN + 1)])
    assert gaps == [f"turn {TURN + 1}: frames 0 to 1 are missing (40 ms)"]


def test_an_absurd_index_does_not_fill_the_disk(bus, file):
    _, gaps, _ = listening(file, [bus.frame(0), bus.frame(2**40)])
    assert len(gaps) == 1
    assert len(samples(file)) == 1920


def test_two_sessions_are_not_mixed(bus, file):
    _, _, ending = listening(file, [bus.frame(0), bus.frame(0, session="other"), bus.frame(1)])
    assert len(samples(file)) == 1920
    assert "left out: other" in lines(ending.outputs)[0]


def test_a_session_and_a_turn_can_be_chosen(bus, file):
    messages = [bus.frame(0, level=1), bus.frame(0, 2, "other"), bus.frame(0, 3, "other", TURN + 1)]
    messages.append(bus.frame(1, 0, "other", TURN + 1, is_end=True))
    verb, _, _ = listening(file, messages, "--session", "other", "--turn", TURN + 1)
    assert np.array_equal(samples(file)[::960], [3])
    assert verb.is_done


def test_no_sound_leaves_no_file_and_is_a_complaint(bus, file):
    _, _, ending = listening(file, [bus.token(0, "")])
    assert ending.complaints == ["no sound came"]
    assert not file.exists()


def test_sound_of_an_unexpected_shape_is_refused(bus, file):
    heard = bus.frame(0)
    heard.__dict__["body"] = {"index": 0, "pcm": b"\x00" * 3840}
    _, shown, _ = listening(file, [heard])
    assert "not a frame of sound" in shown[0]
