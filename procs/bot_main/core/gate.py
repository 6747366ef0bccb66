"""The gate's table: what becomes of each feature while Miku speaks. Pure.

One row per feature, in the order in which a message is offered to them; a row and the file
`procs/bot_main/features/<name>.py` are all that a feature is made of.
"""

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What happens to a feature's work during a session."""

    BLOCKED = "blocked"
    """Whoever asks gets the row's sentence, once in a minute."""
    SILENT = "silent"
    """Nothing is said; the log has it."""
    PAUSED = "paused"
    """It acts by itself, and waits."""
    QUEUED = "queued"
    """What people ask waits in the inbox and is answered afterwards."""


class Running(StrEnum):
    """What becomes of work that runs when a session starts."""

    FINISH = "finish"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Row:
    """One feature."""

    name: str
    title: str
    """For people."""
    action: Action
    running: Running
    sentence: str = ""
    """BLOCKED: what whoever asks reads."""
    is_marked: bool = False
    """Whether the message gets the 🎤 reaction too."""


FEATURES: tuple[Row, ...] = (
    Row("vision", "Vision", Action.BLOCKED, Running.CANCEL,
        "🎤 I can't look at images or videos right now, I'm talking in voice chat! "
        "Send it again after I leave."),
    Row("drawing", "Image generation", Action.BLOCKED, Running.CANCEL,
        "🎤 I can't draw right now, I'm talking in voice chat! "
        "Ask me again after I leave the voice channel.",
        is_marked=True),
    Row("bipolar", "Bipolar mode", Action.SILENT, Running.CANCEL),
    Row("text_chat", "Text channels", Action.QUEUED, Running.FINISH, is_marked=True),
    Row("profile_picture", "Profile pictures", Action.SILENT, Running.FINISH),
    Row("autonomous", "Autonomous engine", Action.PAUSED, Running.CANCEL),
    Row("schedule", "Scheduled events", Action.PAUSED, Running.FINISH),
    Row("figurines", "Figurine notifier", Action.PAUSED, Running.FINISH),
)  # fmt: skip


def row(name: str) -> Row:
    """The row of a feature."""
    return next(row for row in FEATURES if row.name == name)
