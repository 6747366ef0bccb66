"""Parts of sections that several processes read; the whole section is declared by the one it belongs to.

A part has `PARTIAL`, so that the other keys of its section are no mistake where it is read alone.
"""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import setting


@dataclass(frozen=True)
class LlmRoute:
    """Which server's model speaks."""

    SECTION: ClassVar[str] = "llm"
    PARTIAL: ClassVar[bool] = True

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

    @property
    def address(self) -> str:
        """The server of the user that counts; empty = the embedded one."""
        of_card = {"": "", "amd": self.amd_url, "nvidia": self.nvidia_url}[self.voice_gpu]
        return self.base_url or of_card

    @property
    def card_make(self) -> str:
        """Make of the card behind `address`, `amd` or `nvidia`; empty = not known."""
        return "" if self.base_url else self.voice_gpu


@dataclass(frozen=True)
class DiscordTrust:
    """Whom to trust in Discord's place."""

    SECTION: ClassVar[str] = "discord"
    PARTIAL: ClassVar[bool] = True

    ca_file: str = setting(
        "", "Certificate file to trust besides the system's, for a proxy or a Discord of one's own."
    )
