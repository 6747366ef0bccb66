"""Settings of the text bot's features; each section is read by the feature of its name."""

from dataclasses import dataclass
from pathlib import Path
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
    api_key: str = setting("", "Key of that server, if it wants one; empty = none.", secret=True)
    max_tokens: int = setting(400, "Length of a written answer at most, in tokens.", minimum=1, maximum=4000)
    timeout_s: float = setting(120.0, "A written answer must be there in this time.", minimum=1, maximum=3600)
    history_messages: int = setting(
        20, "Messages of a channel that the model is reminded of.", minimum=0, maximum=100
    )
    queue_limit: int = setting(
        100,
        "Messages that may wait while she speaks; beyond, the oldest is dropped.",
        minimum=1,
        maximum=1000,
    )
    queue_per_user: int = setting(
        20, "Messages of one person that may wait; beyond, a new one is refused.", minimum=1, maximum=1000
    )


@dataclass(frozen=True)
class VisionSettings:
    """Looking at pictures."""

    SECTION: ClassVar[str] = "vision"

    base_url: str = setting("", "OpenAI-compatible server with a vision model; empty = she can't see.")
    model: str = setting("vision", "Its model.")
    api_key: str = setting("", "Key of that server, if it wants one; empty = none.", secret=True)
    attachment_hosts: tuple[str, ...] = setting(
        (), "Hosts besides Discord's own from which attachments are fetched, `host` or `host:port`."
    )


@dataclass(frozen=True)
class DrawingSettings:
    """Drawing by ComfyUI."""

    SECTION: ClassVar[str] = "drawing"

    base_url: str = setting("", "ComfyUI server, like http://127.0.0.1:8188; empty = she can't draw.")
    workflow_file: str = setting(
        "", "Workflow in ComfyUI's API format, with {prompt} and {seed}; empty = built-in."
    )
    checkpoint: str = setting("", "Model of the built-in workflow; empty = the first that the server lists.")
    time_limit_s: float = setting(300.0, "A picture that takes longer is given up.", minimum=5, maximum=3600)


@dataclass(frozen=True)
class BipolarSettings:
    """Arguments between Miku and Evil Miku."""

    SECTION: ClassVar[str] = "bipolar"

    enabled: bool = setting(
        False, "Whether they may argue in servers that have not chosen by `bipolar on` or `bipolar off`."
    )
    evil_name: str = setting("Evil Miku", "Name of her evil self.")
    avatar_url: str = setting("", "Her face in an argument, an https address; empty = the webhook's own.")
    evil_avatar_url: str = setting("", "The face of her evil self.")
    threshold: int = setting(6, "Points a message needs to start an argument.", minimum=1, maximum=20)
    rounds: int = setting(3, "Rounds of an argument; each says something in each.", minimum=1, maximum=10)
    pause_s: float = setting(3.0, "Pause between two of their messages.", minimum=0, maximum=60)
    cooldown_s: float = setting(
        600.0, "Between the beginnings of two arguments in a channel.", minimum=0, maximum=86_400
    )
    busy_messages: int = setting(
        3, "An argument ends when people write as many messages meanwhile.", minimum=1, maximum=50
    )


@dataclass(frozen=True)
class PictureSettings:
    """Profile pictures."""

    SECTION: ClassVar[str] = "pictures"

    folder: str = setting("", "Folder of pictures, by mood: `<mood>*.png`; empty = her picture stays.")
    every_h: float = setting(
        6.0, "A picture is worn for this long at most; 0 = as long as her mood lasts.", minimum=0, maximum=720
    )

    @property
    def folder_path(self) -> Path:
        """The folder, absolute."""
        return Path(self.folder).expanduser().absolute()


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

    feed_url: str = setting("", "RSS, Atom or JSON feed of a shop; empty = nothing is looked at.")
    poll_every_s: float = setting(1800.0, "It is looked at this often.", minimum=5, maximum=86_400)


@dataclass(frozen=True)
class GpuSettings:
    """Which card does what during a session."""

    SECTION: ClassVar[str] = "gpu"

    free_urls: tuple[str, ...] = setting(
        (), "llama-swap servers whose models are unloaded before she speaks, so that their card has room."
    )
    api_key: str = setting("", "Bearer token of these servers, where they want one.", secret=True)
    needed_mib: tuple[str, ...] = setting(
        (), 'MiB that must be free on a card before she speaks, like ["amd0=9000", "nvidia0=1500"]; 0 = any.'
    )
    voice_cards: tuple[str, ...] = setting(
        (),
        'Cards that hold the model that speaks, like ["amd0"]: while it is loaded they need no more; '
        "empty = the only card of needed_mib, or its only one of the make that llm.voice_gpu names.",
    )
    when_short: str = setting(
        "warn", "What becomes of a session that would not fit.", choices=("warn", "refuse")
    )
