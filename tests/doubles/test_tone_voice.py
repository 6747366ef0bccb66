import numpy as np
import pytest

from tests.doubles.tone_voice import ALPHABET, ToneVoice

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("rate_hz", [48_000, 32_000, 24_000, 22_050])
def test_what_is_said_is_heard(rate_hz):
    voice = ToneVoice(rate_hz)
    heard = voice.hear(voice.say(ALPHABET))
    assert (heard.text, heard.n_slips, heard.gaps_ms) == (ALPHABET, 0, [])


def test_silence_parts_the_text():
    voice = ToneVoice()
    sound = np.concatenate([np.zeros(333), voice.say("one"), np.zeros(9_600), voice.say("two"), np.zeros(7)])
    heard = voice.hear(sound.astype(np.float32))
    assert heard.spans == ["one", "two"]
    assert heard.gaps_ms == [pytest.approx(200, abs=2)]
    assert heard.n_slips == 0


@pytest.mark.parametrize("at", [2_000, 4_321, 9_999])
def test_a_single_lost_or_doubled_sample_is_found(at):
    voice = ToneVoice()
    sound = voice.say("a sentence to damage")
    assert voice.hear(np.delete(sound, at)).n_slips
    assert voice.hear(np.insert(sound, at, sound[at])).n_slips


def test_rounded_to_integers_it_is_still_heard():
    voice = ToneVoice(symbol_ms=60)
    heard = voice.hear(np.rint(voice.say("Hello, Miku!") * 32767).astype(np.int16))
    assert (heard.text, heard.n_slips) == ("Hello, Miku!", 0)
