"""Settings of the embedded voice."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, setting


@dataclass(frozen=True)
class TtsServerSettings:
    """The embedded voice."""

    SECTION: ClassVar[str] = "tts_server"

    enabled: bool = setting(True, "Run the embedded voice; false when another voice server speaks.")
    engine: str = setting(
        "espeak",
        "What speaks: espeak (built in, needs nothing) or soprano (the soprano-tts package and its model).",
        choices=("espeak", "soprano"),
    )
    voice: str = setting(
        "en-us+f5",
        "espeak's voice: a language and a variant. Texts of another script get that script's language.",
    )
    speed_wpm: int = setting(170, "espeak's speed in words a minute.", minimum=80, maximum=450)
    pitch: int = setting(70, "espeak's pitch; 50 is the variant's own.", minimum=0, maximum=99)
    pitch_range: int = setting(60, "How lively espeak's melody is; 0 is monotone.", minimum=0, maximum=99)
    repeatable: bool = setting(
        False,
        "espeak makes the same samples of a text each time: for tests; costs 2 ms and 60 kB a sentence.",
    )
    soprano_model: str = setting(
        "", "Folder with the Soprano model; empty takes the model that was downloaded before."
    )
    soprano_device: str = setting("auto", "Where Soprano computes.", choices=("auto", "cuda", "mps", "cpu"))
    soprano_download: bool = setting(
        False, "Let the soprano-tts package download its model when it is missing."
    )


@dataclass(frozen=True)
class Config:
    """What this process reads."""

    base: BaseSettings
    bus: BusSettings
    tts_server: TtsServerSettings
