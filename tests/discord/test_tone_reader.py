"""The reader of the tone voice, on sound that went through Opus as Discord's does."""

import discord
import numpy as np
import pytest

from tests.discord.tone_reader import letters, read
from tests.discord.voice import opus
from tests.doubles.tone_voice import ToneVoice

pytestmark = pytest.mark.unit

TEXT = "The quick brown fox jumps over the lazy dog"


def through_opus(sound):
    opus.load()
    encoder, decoder = discord.opus.Encoder(application="voip"), discord.opus.Decoder()
    pcm = (np.concatenate([sound, np.zeros(-len(sound) % 960 + 1_920)]) * 32_767).astype(np.int16)
    frames = [
        decoder.decode(encoder.encode(np.repeat(pcm[i : i + 960], 2).tobytes(), 960), fec=False)
        for i in range(0, len(pcm), 960)
    ]
    return np.frombuffer(b"".join(frames), np.int16)[::2]


def spoken(*sentences):
    voice, pause = ToneVoice(symbol_ms=60), np.zeros(9_600, np.float32)
    return np.concatenate([part for text in sentences for part in (pause, voice.say(text))])


def test_text_is_read_back_through_the_codec():
    heard = read(through_opus(spoken(TEXT, "It sleeps")))
    assert letters(heard) == letters(TEXT + "It sleeps")


@pytest.mark.parametrize("change", ["lost", "doubled", "swapped"])
def test_what_is_lost_doubled_or_swapped_is_seen(change):
    sound = spoken(TEXT)
    a, b = 24_000, 24_000 + 2_880
    changed = {
        "lost": np.concatenate([sound[:a], sound[b:]]),
        "doubled": np.concatenate([sound[:b], sound[a:]]),
        "swapped": np.concatenate([sound[:a], sound[b : b + 2_880], sound[a:b], sound[b + 2_880 :]]),
    }[change]
    assert letters(read(through_opus(changed))) != letters(TEXT)
