"""Settings of the browser's gateway."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, SessionSettings, setting
from bus.topics import WEB_PORT_OFFSET


@dataclass(frozen=True)
class WebSettings:
    """Where the page is served, and to whom."""

    SECTION: ClassVar[str] = "web"

    enabled: bool = setting(True, "Whether there is a page at all.")
    host: str = setting("127.0.0.1", "Address the page is served on; others than loopback need web.hosts.")
    port: int = setting(
        0, f"Port of the page; 0 = bus.base_port + {WEB_PORT_OFFSET}.", minimum=0, maximum=65_535
    )
    hosts: tuple[str, ...] = setting(
        (), 'Further names under which browsers may ask for the page, as they send them: "miku.example:8080".'
    )
    origins: tuple[str, ...] = setting(
        (), 'Further origins whose pages may speak to her: "https://miku.example" behind a proxy with TLS.'
    )
    api_key: str = setting("", "Key with which programs may connect; empty = none may.", secret=True)
    jwt_secret: str = setting(
        "",
        "Secret of JSON Web Tokens (HS256) with which programs may connect; empty = none may.",
        secret=True,
    )
    webrtc: bool = setting(
        False, "Whether browsers may get the sound by WebRTC: it opens a UDP port for each of them."
    )
    resume_s: int = setting(
        60, "A session waits so long for a browser whose connection broke.", minimum=1, maximum=600
    )
    max_connections: int = setting(64, "WebSockets at once; more are refused.", minimum=1, maximum=10_000)

    def page_port(self, base_port: int) -> int:
        """The port that counts."""
        return self.port or base_port + WEB_PORT_OFFSET


@dataclass(frozen=True)
class Config:
    """Sections the gateway reads."""

    base: BaseSettings
    bus: BusSettings
    session: SessionSettings
    web: WebSettings
