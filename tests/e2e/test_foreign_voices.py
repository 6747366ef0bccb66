"""Servers of the user: the sound that comes out is, sample by sample, what they made of the text."""

import pytest

from tests.doubles.tone_voice import ToneVoice
from tests.e2e.doubles import double
from tests.e2e.sound import samples
from tests.e2e.stack import Stack
from tests.ports import free_base_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TEXT = "the quick brown fox jumps over the lazy dog. now it sleeps! does it dream?"
SYMBOL_MS = 20


def letters(text: str) -> str:
    """What counts of a text: pauses and punctuation are the voice's own matter."""
    return "".join(char for char in text if char.isalpha())


def heard(file) -> str:
    read = ToneVoice(symbol_ms=SYMBOL_MS).hear(samples(file))
    assert read.n_slips == 0
    return read.text


@pytest.mark.parametrize("blob_bytes", [61, 3840, 100_000])
def test_an_rvc_server_is_heard_sample_by_sample_whatever_its_blobs(tmp_path, blob_bytes):
    options = (
        "--symbol-ms",
        str(SYMBOL_MS),
        "--blob-bytes",
        str(blob_bytes),
        "--port",
        str(free_base_port()),
    )
    with double("rvc", *options) as url, Stack(tmp_path, TTS_WEBSOCKET_URL=url) as stack:
        for i in range(2):
            file = tmp_path / f"{i}.wav"
            done = stack.miku("say", "--verbatim", TEXT, "--wav", str(file))
            assert done.returncode == 0, done.stderr
            assert letters(heard(file)) == letters(TEXT)


def test_a_soprano_server_is_heard_whole_at_its_own_rate(tmp_path):
    options = ("--symbol-ms", str(SYMBOL_MS), "--port", str(free_base_port()))
    with double("soprano", *options) as url, Stack(tmp_path, MIKU_TTS__SOPRANO_URL=url) as stack:
        file = tmp_path / "soprano.wav"
        done = stack.miku("say", "--verbatim", TEXT, "--wav", str(file))
        assert done.returncode == 0, done.stderr
        assert letters(heard(file)) == letters(TEXT)


def test_a_model_server_of_the_user_needs_one_setting(tmp_path):
    text = "Good morning. I am a stub."
    with double("llm", "--text", text) as url, Stack(tmp_path, MIKU_LLM__BASE_URL=url) as stack:
        done = stack.miku("say", "Hello")
        assert (done.returncode, done.stdout.strip()) == (0, text)


def test_an_unreachable_voice_is_named_with_its_remedy_and_heals_by_itself(tmp_path):
    port = free_base_port()
    with Stack(tmp_path, MIKU_TTS__SOPRANO_URL=f"tcp://127.0.0.1:{port}") as stack:
        done = stack.miku("say", "--verbatim", "Hello.")
        assert done.returncode != 0
        assert "voice server does not answer" in done.stderr
        with double("soprano", "--port", str(port)):
            for _ in range(20):
                done = stack.miku("say", "--verbatim", "Hello.")
                if done.returncode == 0:
                    break
            assert done.returncode == 0, done.stderr
