"""Settings of the voice node."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, SessionSettings, setting
from bus.shared_settings import DiscordTrust


@dataclass(frozen=True)
class VoiceSettings:
    """Where Miku speaks."""

    SECTION: ClassVar[str] = "voice"

    enabled: bool = setting(True, "Whether she takes voice sessions at all.", aliases=("VOICE_ENABLED",))
    backend: str = setting(
        "auto",
        "Where she speaks: discord in voice channels, wav_file records each turn into a file, auto takes "
        "discord for sessions of a Discord server and wav_file for all others.",
        choices=("auto", "discord", "wav_file"),
    )
    prebuffer_ms: int = setting(
        0,
        "Sound that must be there before a turn begins; 0 begins with the first frame. Raise it if sound "
        "arrives unevenly, over a network for instance. In Discord 100 ms of silence go before it anyway.",
        minimum=0,
        maximum=1000,
    )
    keep_recordings: int = setting(
        50, "Newest recordings of wav_file that stay on the disk.", minimum=1, maximum=100_000
    )


@dataclass(frozen=True)
class Config:
    """Sections the voice node reads."""

    base: BaseSettings
    bus: BusSettings
    session: SessionSettings
    voice: VoiceSettings
    discord: DiscordTrust
