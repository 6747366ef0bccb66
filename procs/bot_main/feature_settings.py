"""Settings of the text bot's features; each section is read by the feature of its name."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import setting


@dataclass(frozen=True)
class TextSettings:
    """Written answers."""

    SECTION: ClassVar[str] = "text"

    base_url: str = setting(
        "", "OpenAI-compatible server of written answers; empty = the one that speaks (llm.base_url)."
    )
    model: str = setting("", "Its model; empty = llm.model.")
    evil_model: str = setting("", "Model of her evil self; empty = the same one.")
    evil_persona_file: str = setting("", "Text file that says who her evil self is; empty = built-in.")


@dataclass(frozen=True)
class VisionSettings:
    """Looking at pictures."""

    SECTION: ClassVar[str] = "vision"

    base_url: str = setting("", "OpenAI-compatible server with a vision model; empty = she can't see.")
    model: str = setting("vision", "Its model.")


@dataclass(frozen=True)
class DrawingSettings:
    """Drawing by ComfyUI."""

    SECTION: ClassVar[str] = "drawing"

    base_url: str = setting("", "ComfyUI server, like http://127.0.0.1:8188; empty = she can't draw.")
    workflow_file: str = setting(
        "", "Workflow in ComfyUI's API format, with {prompt} and {seed}; empty = built-in."
    )


@dataclass(frozen=True)
class BipolarSettings:
    """Arguments between Miku and Evil Miku."""

    SECTION: ClassVar[str] = "bipolar"

    enabled: bool = setting(False, "Whether they may argue.")


@dataclass(frozen=True)
class PictureSettings:
    """Profile pictures."""

    SECTION: ClassVar[str] = "pictures"

    folder: str = setting("", "Folder of pictures, by mood: `<mood>*.png`; empty = her picture stays.")


@dataclass(frozen=True)
class AutonomousSettings:
    """What she says by herself."""

    SECTION: ClassVar[str] = "autonomous"

    enabled: bool = setting(False, "Whether she says something by herself.")


@dataclass(frozen=True)
class ScheduleSettings:
    """Jobs by the clock."""

    SECTION: ClassVar[str] = "schedule"

    timezone: str = setting("UTC", "Time zone of all jobs, like Europe/Berlin.")


@dataclass(frozen=True)
class FigurineSettings:
    """News from a shop."""

    SECTION: ClassVar[str] = "figurines"

    feed_url: str = setting("", "RSS or JSON feed of a shop; empty = nothing is looked at.")


@dataclass(frozen=True)
class GpuSettings:
    """Which card does what during a session."""

    SECTION: ClassVar[str] = "gpu"

    free_urls: tuple[str, ...] = setting(
        (), "llama-swap servers whose models are unloaded before she speaks, so that their card has room."
    )
