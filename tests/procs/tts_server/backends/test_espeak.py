"""The real espeak-ng: it speaks, at once and to the end, whatever the text."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from procs.tts_server.backends.base import Chunk, EngineError
from procs.tts_server.backends.espeak import Espeak
from procs.tts_server.backends.espeak_library import Library
from procs.tts_server.core.link import Say
from procs.tts_server.core.trim import MAX_PAUSE_MS, TAIL_MS

pytestmark = pytest.mark.unit


def loaded(voice: str = "en-us+f5", *, repeatable: bool = False) -> Espeak:
    engine = Espeak(voice, repeatable=repeatable)
    engine.load()
    return engine


def chunks_of(engine: Espeak, text: str, voice: str = "", speed: float = 1.0) -> list[Chunk]:
    chunks: list[Chunk] = []

    def emit(chunk: Chunk) -> bool:
        chunks.append(chunk)
        return True

    engine.synthesize(Say("r", text, voice, speed), emit)
    return chunks


def samples_of(engine: Espeak, text: str, voice: str = "", speed: float = 1.0) -> NDArray[np.int16]:
    payload = b"".join(chunk.payload for chunk in chunks_of(engine, text, voice, speed))
    return np.frombuffer(payload, np.int16)


def seconds_of(engine: Espeak, text: str, voice: str = "", speed: float = 1.0) -> float:
    return len(samples_of(engine, text, voice, speed)) / engine.sample_rate_hz


def loudness(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def test_hello_is_speech() -> None:
    engine = loaded()
    samples = samples_of(engine, "Hello")
    assert 0.3 < len(samples) / engine.sample_rate_hz < 0.9
    assert loudness(samples) > 1_500
    assert np.abs(samples).max() < 32_700  # nothing clips


def test_it_sounds_like_a_young_woman() -> None:
    samples = samples_of(loaded(), "Oh, you are early").astype(float)
    pitches = []
    for start in range(0, len(samples) - 1024, 512):
        window = samples[start : start + 1024] * np.hanning(1024)
        spectrum = np.abs(np.fft.rfft(window, 4096)) ** 2
        echo = np.fft.irfft(spectrum)
        lag = 44 + int(np.argmax(echo[44:276]))  # 80 to 500 Hz
        if echo[lag] > 0.5 * echo[0]:
            pitches.append(22_050 / lag)
    assert 200 < np.median(pitches) < 320


@pytest.mark.parametrize("text", ["Hello", "Stop", "cat", "Yes, of course.", "sixth"])
def test_speech_begins_at_once_and_ends_with_a_short_tail(text: str) -> None:
    engine = loaded("en-us")  # a variant without reverberation, whose pauses are exact zeros
    samples = samples_of(engine, text)
    loud = np.flatnonzero(np.abs(samples) > 30)
    assert loud[0] < 0.04 * engine.sample_rate_hz
    tail_s = (len(samples) - loud[-1]) / engine.sample_rate_hz
    assert tail_s < TAIL_MS / 1000 + 0.03


def test_the_end_of_a_word_is_whole() -> None:
    # The last sound of "kiss" is a hiss of about 100 ms, much quieter than the vowel before it.
    engine = loaded("en-us")
    end = samples_of(engine, "kiss")[: -TAIL_MS * engine.sample_rate_hz // 1000]
    n_samples = 80 * engine.sample_rate_hz // 1000
    assert 200 < loudness(end[-n_samples:]) < 2_000


def test_pauses_between_sentences_are_short() -> None:
    engine = loaded("en-us")
    samples = samples_of(engine, "A line.\n\nAnother. Third!")
    loud = np.flatnonzero(np.abs(samples) > 30)
    longest_ms = np.diff(loud).max() * 1000 / engine.sample_rate_hz
    assert 100 < longest_ms < MAX_PAUSE_MS + 60


def test_nothing_of_a_text_is_heard_in_the_next() -> None:
    raw = bytearray()

    def keep(pcm: bytes, _: object) -> bool:
        raw.extend(pcm)
        return True

    samples_of(loaded(), "Aaaah!")  # a variant that reverberates
    Library().speak("", "en-us+f5", {}, keep)
    assert np.abs(np.frombuffer(bytes(raw), np.int16)).max() < 10


def test_marks_lie_on_the_words() -> None:
    text = "Hello Miku, can you hear me? Ja, café!"
    chunks = chunks_of(loaded(), text)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [text[char:].split(maxsplit=1)[0] for char, _ in marks] == text.split()
    positions = [sample for _, sample in marks]
    assert positions[0] == 0
    assert positions == sorted(positions)
    assert positions[-1] < sum(len(chunk.payload) // 2 for chunk in chunks)


def test_marks_come_with_the_chunk_they_point_into() -> None:
    sent = 0
    for chunk in chunks_of(loaded(), "One two three. Four, five; six seven."):
        upto = sent + len(chunk.payload) // 2
        assert all(sent <= sample < upto for _, sample in chunk.marks)
        sent = upto


def test_positions_count_characters_and_not_bytes_or_utf16() -> None:
    text = "日本 über naïve 𝄞 music 👩‍👩‍👧 end"
    marks = [mark for chunk in chunks_of(loaded(), text) for mark in chunk.marks]
    assert [text[char:].split(maxsplit=1)[0] for char, _ in marks][-3:] == ["naïve", "music", "end"]


@pytest.mark.parametrize(
    "text",
    [
        "こんにちは、ミクです",
        "你好，我是未来",
        "Привет, как дела?",
        "안녕하세요",
        "مرحبا",
        "नमस्ते",
        "Γειά σου",
        "שלום",
    ],
)
def test_other_scripts_are_read_and_not_spelled(text: str) -> None:
    engine = loaded()
    assert loudness(samples_of(engine, text)) > 800
    assert seconds_of(engine, text) < 0.5 + 0.25 * len(text)


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "😀👍🏽❤️", "\x00", "\ud800"])
def test_nothing_to_say_is_silence_of_no_length(text: str) -> None:
    assert seconds_of(loaded(), text) == 0


@pytest.mark.parametrize(
    "text",
    [
        "\x01hello \x02there",
        "⣿⣟⣯⣾ⓜⓦ مرحبا",
        "a" * 2_000,
        "9" * 2_000,
        "🎵 la " * 400,
        "<speak><mark name='x'/></speak> &amp; [[h@'loU]]",
        "\u0301" * 500 + "x",
        "١٢٣ ๑๒๓ " * 200,
    ],
)
def test_odd_texts_do_no_harm(text: str) -> None:
    engine = loaded()
    assert seconds_of(engine, text[:2_000]) > 0.1
    assert 0.3 < seconds_of(engine, "Hello") < 0.9


def test_a_long_text_is_spoken_whole() -> None:
    text = ("The quick brown fox jumps over the lazy dog. " * 60)[:2_000].rsplit(" ", 1)[0]
    chunks = chunks_of(loaded(), text)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [text[char:].split(maxsplit=1)[0] for char, _ in marks] == text.split()


def test_speed_and_voice_of_a_request_are_honoured() -> None:
    engine = loaded()
    text = "This is how fast I speak today"
    assert seconds_of(engine, text, speed=1.5) < 0.8 * seconds_of(engine, text)
    assert seconds_of(engine, text, speed=0.5) > 1.4 * seconds_of(engine, text)
    assert samples_of(engine, text, voice="de").tobytes() != samples_of(engine, text).tobytes()


@pytest.mark.parametrize("voice", ["xx", "en-gb", "../../../etc/passwd", "en-us+f5/x", "en us", "mb-us1"])
def test_an_unknown_voice_of_a_request_is_refused(voice: str) -> None:
    engine = loaded()
    with pytest.raises(EngineError) as caught:
        samples_of(engine, "Hello", voice=voice)
    assert caught.value.code == "unknown_voice"
    assert seconds_of(engine, "Hello") > 0.3


def test_an_unknown_voice_in_the_settings_is_named_at_the_start() -> None:
    with pytest.raises(EngineError, match=r"tts_server\.voice"):
        loaded("nonesuch")


def test_a_stop_is_obeyed_at_the_next_chunk() -> None:
    chunks: list[Chunk] = []

    def emit(chunk: Chunk) -> bool:
        chunks.append(chunk)
        return len(chunks) < 3

    engine = loaded()
    engine.synthesize(Say("r", "one two three four five six seven eight nine ten " * 20), emit)
    assert sum(len(chunk.payload) for chunk in chunks) / 2 / engine.sample_rate_hz < 0.5
    assert 0.3 < seconds_of(engine, "Hello") < 0.9


def test_a_repeatable_engine_makes_the_same_samples_each_time_in_every_process() -> None:
    # In processes of their own: the library only starts afresh where nobody else has it loaded.
    program = f"""
import hashlib
from tests.procs.tts_server.backends.{Path(__file__).stem} import loaded, samples_of
engine = loaded(repeatable=True)
texts = [samples_of(engine, "Hello Miku, can you hear me? I sing six silly songs.") for _ in range(10)]
print({{hashlib.sha256(text.tobytes()).hexdigest() for text in texts}})
"""
    outputs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(",") == 0  # one hash in the set
