"""Settings of the guardian: how long a silent process is waited for, and how often one may be started."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, setting


@dataclass(frozen=True)
class GuardianSettings:
    """Patience and budgets."""

    SECTION: ClassVar[str] = "guardian"

    silence_s: float = setting(
        5.0,
        "A process without a sign of life for this long is frozen and is replaced.",
        minimum=4,
        maximum=600,
    )
    loading_silence_s: float = setting(
        30.0, "The same while a process starts or loads a model.", minimum=4, maximum=3600
    )
    starts: int = setting(
        5, "Starts a process has within window_s; then it rests.", minimum=1, maximum=10_000
    )
    window_s: float = setting(60.0, "Time over which starts are counted.", minimum=1, maximum=3600)
    retry_s: float = setting(
        300.0, "A resting process is tried again after this long, or once the settings file changes.",
        minimum=1, maximum=86_400,
    )  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Sections the guardian reads."""

    base: BaseSettings
    bus: BusSettings
    guardian: GuardianSettings
