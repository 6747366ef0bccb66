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
    host: str = setting("127.0.0.1", "Address the page is served on; others than loopback need web.origins.")
    port: int = setting(
        0, f"Port of the page; 0 = bus.base_port + {WEB_PORT_OFFSET}.", minimum=0, maximum=65_535
    )


@dataclass(frozen=True)
class Config:
    """Sections the gateway reads."""

    base: BaseSettings
    bus: BusSettings
    session: SessionSettings
    web: WebSettings
