"""Soprano (package `soprano-tts`) as an engine: an 80 M parameter English voice at 32 kHz, for a GPU.

Needs the package and its model; neither is part of this project. Nothing is downloaded unless a setting
says so: the hub's libraries are told to stay offline before they are imported. Source: the package's
README and its class `SopranoTTS` (version 0.2).
"""

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from procs.tts_server.backends.base import Chunk, Emit, EngineError
from procs.tts_server.core.link import Say

CHUNK_TOKENS = 1
"""Tokens (64 ms of sound each) per chunk; the first chunk comes after five tokens in any case."""

MODEL_FILES = ("config.json", "decoder.pth")
"""What a model's folder holds at least: the language model's configuration and the decoder's weights."""

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


class Soprano:
    """Soprano with its one voice.

    Args:
        model: folder with the model, empty for the one in the hub's cache.
        device: `auto`, `cuda`, `mps` or `cpu`.
        download: whether a missing model may be downloaded.
    """

    name = "soprano"
    voice = "soprano"
    sample_rate_hz = 32_000
    dtype = "f32le"

    def __init__(self, model: str = "", device: str = "auto", *, download: bool = False) -> None:
        self._model = Path(model).expanduser() if model else None
        self._device = device
        self._download = download
        self._infer_stream: Callable[..., Iterator[Any]] | None = None

    def load(self) -> None:
        """See `Engine.load`. Takes seconds: the package speaks a first sentence to warm up."""
        self._check_model()
        if not self._download:
            os.environ.update(dict.fromkeys(_OFFLINE, "1"))
        package = _package()
        # The library fails in its own, torch's and the hub's ways: whatever it is, the engine is missing.
        try:
            tts = package.SopranoTTS(
                device=self._device, model_path=str(self._model) if self._model else None
            )
        except Exception as error:
            raise EngineError("unavailable", _load_failure(error)) from None
        self._infer_stream = tts.infer_stream

    def synthesize(self, say: Say, emit: Emit) -> None:
        """See `Engine.synthesize`. One voice and one speed: the request's wishes for them are ignored."""
        assert self._infer_stream is not None, "load() comes first"
        if not say.text.strip():
            return
        # The work of one request; its text may be part of the error's, so only the kind is told.
        try:
            for chunk in self._infer_stream(say.text, chunk_size=CHUNK_TOKENS):
                if not emit(Chunk(np.asarray(chunk, dtype="<f4").tobytes())):
                    return
        except Exception as error:
            raise EngineError("failed", f"soprano-tts raised {type(error).__name__}") from None

    def _check_model(self) -> None:
        if self._model is None:
            return
        missing = [name for name in MODEL_FILES if not (self._model / name).is_file()]
        if missing:
            raise EngineError(
                "unavailable", f"{self._model} lacks {', '.join(missing)}: correct tts_server.soprano_model"
            )


def _package() -> Any:
    """The package, with its prints silenced: they would mingle with whatever reads this process's output."""
    importlib.invalidate_caches()  # it may have been installed since the last attempt
    try:
        package = importlib.import_module("soprano")
        module = importlib.import_module("soprano.tts")
    except ImportError as error:
        raise EngineError(
            "unavailable",
            f"soprano-tts can't be imported ({error}): pip install soprano-tts, or set "
            "tts_server.engine to espeak",
        ) from None
    module.print = lambda *_, **__: None  # type: ignore[attr-defined]
    return package


def _load_failure(error: Exception) -> str:
    """One line for the operator: the first of the library's, which may go on for pages."""
    line = (str(error).strip() or "no reason given").splitlines()[0][:200]
    return (
        f"soprano-tts did not load ({type(error).__name__}: {line}): set tts_server.soprano_model to a "
        "folder with its model, or tts_server.soprano_download to true"
    )
