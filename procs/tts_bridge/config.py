"""Settings of the voice."""

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from bus.errors import BadSettings
from bus.settings import BaseSettings, BusSettings, setting

RVC_URL = "ws://localhost:8765/ws/stream"
"""Where an RVC server listens unless told otherwise."""
SOPRANO_URL = "tcp://localhost:5555"
"""Where a Soprano server listens unless told otherwise."""


@dataclass(frozen=True)
class TtsSettings:
    """Which voice speaks, and how."""

    SECTION: ClassVar[str] = "tts"

    backend: str = setting(
        "auto",
        "Voice: embedded (our own process), rvc or soprano (servers of yours). auto takes rvc when rvc_url "
        "(or TTS_WEBSOCKET_URL) is set, else soprano when soprano_url is set, else embedded.",
        choices=("auto", "embedded", "rvc", "soprano"),
    )
    rvc_url: str = setting(
        "",
        f"Token WebSocket of an RVC server; setting it selects rvc. Empty: {RVC_URL} if it is chosen.",
        aliases=("TTS_WEBSOCKET_URL",),
    )
    soprano_url: str = setting(
        "",
        f"Address of a Soprano server; setting it selects soprano. Empty: {SOPRANO_URL} if it is chosen.",
    )
    pitch_shift: float = setting(
        0.0, "Semitones by which an RVC server shifts the voice.", minimum=-24, maximum=24
    )
    stall_timeout_s: float = setting(
        5.0, "A voice that owes sound for this long has failed.", minimum=0.5, maximum=120
    )
    warmup_timeout_s: float = setting(
        60.0, "A voice may warm up this long before it counts as missing.", minimum=1, maximum=3600
    )
    sentence_pause_ms: int = setting(
        200,
        "Silence between two sentences; only what the voice does not leave itself is added. "
        "An RVC server makes its own pauses.",
        minimum=0,
        maximum=2000,
    )
    rvc_quiet_ms: int = setting(
        2500,
        "Silence after which an RVC server's reply counts as over when its sentences can't be counted; "
        "must exceed its slowest sentence.",
        minimum=100,
        maximum=60_000,
    )
    window_ms: int = setting(
        4000,
        "Sound made ahead of what is heard: what a barge-in throws away at most.",
        minimum=200,
        maximum=60_000,
    )

    def __post_init__(self) -> None:
        for key, schemes in (("rvc_url", ("ws://", "wss://")), ("soprano_url", ("tcp://", "ipc://"))):
            address = getattr(self, key)
            if address and not _is_address(address, schemes):
                raise BadSettings(f"tts.{key} must be an address that begins with {' or '.join(schemes)}")

    @property
    def voice(self) -> str:
        """The backend that counts: `embedded`, `rvc` or `soprano`."""
        if self.backend != "auto":
            return self.backend
        return "rvc" if self.rvc_url else "soprano" if self.soprano_url else "embedded"

    @property
    def rvc_address(self) -> str:
        """Where the RVC server is."""
        return self.rvc_url or RVC_URL

    @property
    def soprano_address(self) -> str:
        """Where the user's Soprano server is."""
        return self.soprano_url or SOPRANO_URL


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether a server can be looked for there."""
    try:
        urlsplit(text).port  # noqa: B018 - looking at it is what refuses a bad one
    except ValueError:
        return False
    return text.startswith(schemes) and text not in schemes


@dataclass(frozen=True)
class Config:
    """Everything this process reads."""

    base: BaseSettings = field(default_factory=BaseSettings)
    bus: BusSettings = field(default_factory=BusSettings)
    tts: TtsSettings = field(default_factory=TtsSettings)
