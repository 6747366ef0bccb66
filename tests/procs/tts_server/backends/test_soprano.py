"""The Soprano engine against a stand-in package that has the real one's interface."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from procs.tts_server.backends.base import Chunk, EngineError
from procs.tts_server.backends.soprano import Soprano
from procs.tts_server.core.link import Say

pytestmark = pytest.mark.unit

PACKAGE = '''
"""Has the interface of soprano-tts 0.2, and beeps."""
import os
import numpy as np

ARGUMENTS = {}

class Tensor:
    """Converts itself to numpy, as a tensor on the CPU does."""
    def __init__(self, samples):
        self.samples = samples
    def __array__(self, dtype=None, copy=None):
        return self.samples.astype(dtype or np.float32)

class SopranoTTS:
    def __init__(self, backend="auto", device="auto", cache_size_mb=100, model_path=None):
        ARGUMENTS.update(device=device, model_path=model_path, offline=os.environ.get("HF_HUB_OFFLINE"))
        if model_path is None and os.environ.get("HF_HUB_OFFLINE") == "1":
            raise OSError("We couldn't connect to the hub\\nand a page of advice")

    def infer_stream(self, text, chunk_size=1, top_p=0.95, temperature=0.0, repetition_penalty=1.2):
        for number in range(len(text.split())):
            print("Streaming latency: 1.00 ms")
            if text == "break":
                raise RuntimeError("CUDA error while speaking: " + text)
            yield Tensor(np.full(chunk_size * 2048, number / 10))
'''


@pytest.fixture(autouse=True)
def _no_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither package nor offline flags leak from one test into the next."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "soprano"]:
        del sys.modules[name]
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.pop(name, None)


@pytest.fixture
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "packages" / "soprano"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from .tts import SopranoTTS\n")
    (folder / "tts.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(folder.parent)


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "decoder.pth").write_bytes(b"")
    return str(folder)


def spoken(engine: Soprano, text: str, limit: int = 1_000) -> list[Chunk]:
    chunks: list[Chunk] = []

    def emit(chunk: Chunk) -> bool:
        chunks.append(chunk)
        return len(chunks) < limit

    engine.synthesize(Say("r", text, voice="ignored", speed=2.0), emit)
    return chunks


def failure_of(engine: Soprano) -> EngineError:
    with pytest.raises(EngineError) as caught:
        engine.load()
    return caught.value


def test_a_missing_package_is_named_with_the_remedy() -> None:
    error = failure_of(Soprano())
    assert error.code == "unavailable"
    assert "pip install soprano-tts" in error.detail


def test_a_folder_without_a_model_is_named_before_anything_loads(tmp_path: Path) -> None:
    error = failure_of(Soprano(str(tmp_path)))
    assert error.code == "unavailable"
    assert "config.json, decoder.pth" in error.detail
    assert "soprano" not in sys.modules


@pytest.mark.usefixtures("_package")
def test_without_a_model_nothing_is_downloaded() -> None:
    error = failure_of(Soprano())
    assert error.code == "unavailable"
    assert "tts_server.soprano_download" in error.detail
    assert "advice" not in error.detail
    assert sys.modules["soprano.tts"].ARGUMENTS["offline"] == "1"


@pytest.mark.usefixtures("_package")
def test_a_download_is_left_to_the_package_when_the_setting_says_so() -> None:
    Soprano(download=True).load()
    assert sys.modules["soprano.tts"].ARGUMENTS["offline"] is None


@pytest.mark.usefixtures("_package")
def test_it_streams_float_samples_from_the_given_model(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Soprano(model, "cpu")
    engine.load()
    arguments = sys.modules["soprano.tts"].ARGUMENTS
    assert (arguments["device"], arguments["model_path"]) == ("cpu", model)
    chunks = spoken(engine, "one two three")
    assert [len(chunk.payload) for chunk in chunks] == [4 * 2048] * 3
    samples = np.frombuffer(b"".join(chunk.payload for chunk in chunks), "<f4")
    assert samples[0] == 0
    assert samples[-1] == pytest.approx(0.2)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("_package")
def test_a_stop_is_obeyed_and_blank_text_is_silence(model: str) -> None:
    engine = Soprano(model)
    engine.load()
    assert len(spoken(engine, "one two three four", limit=2)) == 2
    assert spoken(engine, "  ") == []


@pytest.mark.usefixtures("_package")
def test_a_failure_amid_a_text_tells_its_kind_and_never_the_text(model: str) -> None:
    engine = Soprano(model)
    engine.load()
    with pytest.raises(EngineError) as caught:
        spoken(engine, "break")
    assert caught.value.code == "failed"
    assert "RuntimeError" in caught.value.detail
    assert "break" not in caught.value.detail
