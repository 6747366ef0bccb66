"""Settings of the embedded model server."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, setting


@dataclass(frozen=True)
class LlmServerSettings:
    """Which model file is served, and how much of the machine it may use."""

    SECTION: ClassVar[str] = "llm_server"

    enabled: bool = setting(
        True, "Serve a model; false saves its memory where llm.base_url names a server of yours."
    )
    gguf: str = setting("", "Model file to serve; empty = the small demo brain, which only recites.")
    context_tokens: int = setting(
        4096, "Length of a conversation the model can see, in tokens.", minimum=512, maximum=1_048_576
    )
    slots: int = setting(
        2, "Replies at the same time; each takes memory for its context.", minimum=1, maximum=64
    )
    threads: int = setting(
        0, "Processor threads of the model; 0 = one less than there are cores.", minimum=0, maximum=256
    )
    gpu_layers: int = setting(
        -1,
        "Layers on the graphics card, -1 = as many as fit; needs a GPU build of xllamacpp.",
        minimum=-1,
        maximum=1000,
    )


@dataclass(frozen=True)
class Config:
    """Sections this process reads."""

    base: BaseSettings
    bus: BusSettings
    llm_server: LlmServerSettings
