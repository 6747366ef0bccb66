"""Settings of the language model's client."""

from dataclasses import dataclass
from typing import ClassVar

from bus.errors import BadSettings
from bus.settings import BaseSettings, BusSettings, setting
from bus.shared_settings import LlmRoute
from procs.llm_streamer.core.endpoint import endpoint


@dataclass(frozen=True)
class LlmSettings(LlmRoute):
    """Which model answers, and how long it is waited for."""

    PARTIAL: ClassVar[bool] = False

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
