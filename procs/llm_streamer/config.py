"""Settings of the language model's client."""

from dataclasses import dataclass
from typing import ClassVar

from bus.errors import BadSettings
from bus.settings import BaseSettings, BusSettings, setting
from procs.llm_streamer.core.endpoint import endpoint


@dataclass(frozen=True)
class LlmSettings:
    """Which model answers, and how long it is waited for."""

    SECTION: ClassVar[str] = "llm"

    base_url: str = setting(
        "",
        "Address of an OpenAI-compatible server, with or without /v1; empty = the one that voice_gpu names, "
        "else the embedded server.",
    )
    voice_gpu: str = setting(
        "",
        "Card whose llama-swap answers while she speaks, so that the other one is free for the voice.",
        choices=("", "amd", "nvidia"),
        aliases=("VOICE_GPU",),
    )
    amd_url: str = setting("http://localhost:8091", "llama-swap of the AMD card.")
    nvidia_url: str = setting("http://localhost:8090", "llama-swap of the NVIDIA card.")
    model: str = setting("", "Model to ask for; empty = the first one the server lists.")
    api_key: str = setting("", "Key of that server, if it wants one.", secret=True)
    temperature: float = setting(0.8, "Sampling temperature.", minimum=0, maximum=2)
    max_tokens: int = setting(500, "Length of a reply at most, in tokens.", minimum=1, maximum=8000)
    stop: tuple[str, ...] = setting(
        ("\n\n", "User:", "Assistant:"), "Texts at which a reply ends; they are not spoken."
    )
    max_reply_chars: int = setting(
        16_000,
        "Length of a reply at most, in characters, whatever the server sends.",
        minimum=100,
        maximum=16_000,
    )
    connect_timeout_s: float = setting(3.0, "The server must accept a connection in this time.", minimum=0.1)
    first_token_timeout_s: float = setting(
        60.0, "The first word must come in this time; swapping a model in takes 10 to 60 s.", minimum=1
    )
    stall_timeout_s: float = setting(20.0, "Between two words there may be this much silence.", minimum=1)
    reply_timeout_s: float = setting(
        300.0, "A reply that is still growing after this time is ended.", minimum=1, maximum=3600
    )

    def __post_init__(self) -> None:
        for key in ("base_url", "amd_url", "nvidia_url"):
            if address := getattr(self, key):
                _check(key, address)

    @property
    def address(self) -> str:
        """The server of the user that counts; empty = the embedded one."""
        of_card = {"": "", "amd": self.amd_url, "nvidia": self.nvidia_url}[self.voice_gpu]
        return self.base_url or of_card


def _check(key: str, address: str) -> None:
    try:
        endpoint(address)
    except ValueError:
        raise BadSettings(
            f"llm.{key} must be an http or https address, like http://127.0.0.1:11434"
        ) from None


@dataclass(frozen=True)
class Config:
    """Sections this process reads."""

    base: BaseSettings
    bus: BusSettings
    llm: LlmSettings
