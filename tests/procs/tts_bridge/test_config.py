from pathlib import Path

import pytest

from bus.errors import BadSettings
from bus.settings import load
from procs.tts_bridge.__main__ import VOICES
from procs.tts_bridge.config import Config, TtsSettings

pytestmark = pytest.mark.unit


def settings(tmp_path: Path, **environ: str) -> TtsSettings:
    return load(Config, environ, tmp_path / "none.toml").tts


def test_without_any_setting_the_embedded_voice_speaks(tmp_path):
    assert settings(tmp_path).voice == "embedded"


@pytest.mark.parametrize("name", ["MIKU_TTS__RVC_URL", "TTS_WEBSOCKET_URL"])
def test_an_rvc_address_is_enough_to_choose_rvc(tmp_path, name):
    tts = settings(tmp_path, **{name: "ws://voice:8765/ws/stream"})
    assert (tts.voice, tts.rvc_address) == ("rvc", "ws://voice:8765/ws/stream")


def test_a_soprano_address_is_enough_to_choose_soprano(tmp_path):
    tts = settings(tmp_path, MIKU_TTS__SOPRANO_URL="tcp://voice:5555")
    assert (tts.voice, tts.soprano_address) == ("soprano", "tcp://voice:5555")


def test_a_named_backend_counts_more_than_an_address(tmp_path):
    tts = settings(tmp_path, MIKU_TTS__BACKEND="embedded", TTS_WEBSOCKET_URL="ws://voice:8765/ws/stream")
    assert tts.voice == "embedded"


def test_a_named_backend_needs_no_address(tmp_path):
    tts = settings(tmp_path, MIKU_TTS__BACKEND="rvc")
    assert tts.rvc_address == "ws://localhost:8765/ws/stream"
    assert settings(tmp_path, MIKU_TTS__BACKEND="soprano").soprano_address == "tcp://localhost:5555"


def test_every_backend_that_can_be_chosen_is_there():
    choices = TtsSettings.__dataclass_fields__["backend"].metadata["meta"].choices
    assert set(choices) == {"auto", *VOICES}


def test_a_backend_nobody_knows_is_refused(tmp_path):
    with pytest.raises(BadSettings, match="rvc"):
        settings(tmp_path, MIKU_TTS__BACKEND="rvcc")


@pytest.mark.parametrize(
    "url", ["voice:8765", "http://voice:8765", "ws://", "ws://voice:99999", "ws://[", "nonsense"]
)
def test_an_address_that_can_be_none_is_refused_with_its_key(tmp_path, url):
    with pytest.raises(BadSettings, match=r"tts\.rvc_url"):
        settings(tmp_path, TTS_WEBSOCKET_URL=url)
    with pytest.raises(BadSettings, match=r"tts\.soprano_url"):
        settings(tmp_path, MIKU_TTS__SOPRANO_URL=url)
