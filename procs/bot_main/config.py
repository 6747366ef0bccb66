"""Settings of bot_main: who Miku is, how much she remembers, how long a turn may take."""

from dataclasses import dataclass
from typing import ClassVar

from bus.settings import BaseSettings, BusSettings, SessionSettings, setting


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
class Config:
    """Sections bot_main reads."""

    base: BaseSettings
    bus: BusSettings
    session: SessionSettings
    bot: BotSettings
