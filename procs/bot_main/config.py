"""Settings of bot_main: who Miku is, how much she remembers, how long a turn may take."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, SessionSettings, setting
from bus.shared_settings import DiscordTrust, LlmRoute
from procs.bot_main.feature_settings import (
    AutonomousSettings,
    BipolarSettings,
    DrawingSettings,
    FigurineSettings,
    GpuSettings,
    PictureSettings,
    ScheduleSettings,
    TextSettings,
    VisionSettings,
)


@dataclass(frozen=True)
class BotSettings:
    """Persona, memory and patience."""

    SECTION: ClassVar[str] = "bot"

    name: str = setting("Miku", "Her name; `{name}` in a persona file stands for it.")
    persona_file: str = setting(
        "", "Text file that says who she is; empty = the built-in persona. How she must speak is added to it."
    )
    user_name: str = setting("User", "What people without a name are called before the model.")
    history_messages: int = setting(
        16, "Messages of a session that the model is reminded of.", minimum=0, maximum=100
    )
    max_waiting: int = setting(
        8, "Prompts that may wait for their turn in a session; more are refused.", minimum=1, maximum=100
    )
    first_token_timeout_s: float = setting(
        70.0,
        "An answer must begin in this time; keep it above llm.first_token_timeout_s.",
        minimum=1,
        maximum=3600,
    )
    progress_timeout_s: float = setting(
        25.0, "An answer that stands still for this long is given up; keep it above llm.stall_timeout_s.",
        minimum=1, maximum=600,
    )  # fmt: skip
    turn_timeout_s: float = setting(
        1800.0, "An answer that takes longer, spoken to its end, is given up.", minimum=10, maximum=7200
    )


@dataclass(frozen=True)
class DiscordSettings(DiscordTrust):
    """The bot in Discord."""

    PARTIAL: ClassVar[bool] = False

    token: str = setting(
        "", "Bot token; empty = no Discord. docs/discord.md shows how to make one.", secret=True,
        aliases=("DISCORD_TOKEN", "DISCORD_BOT_TOKEN"),
    )  # fmt: skip
    api_base: str = setting(
        "", "Address of Discord's REST interface, for a proxy or a Discord of one's own; empty = Discord."
    )
    prefix: str = setting("!miku", "Word that begins a command in a message.")
    joins_per_minute: int = setting(
        5, "Voice joins in a server in a minute, since Discord limits them too; beyond that a session waits "
        "that goes on, and a call is refused. More than 5 in a Discord of one's own (discord.api_base) only.",
        minimum=1, maximum=600,
    )  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Sections bot_main reads."""

    base: BaseSettings
    bus: BusSettings
    session: SessionSettings
    bot: BotSettings
    llm: LlmRoute
    discord: DiscordSettings
    text: TextSettings
    vision: VisionSettings
    drawing: DrawingSettings
    bipolar: BipolarSettings
    pictures: PictureSettings
    autonomous: AutonomousSettings
    schedule: ScheduleSettings
    figurines: FigurineSettings
    gpu: GpuSettings
