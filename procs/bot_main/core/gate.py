"""The gate's table: what becomes of each feature while Miku speaks. Pure.

One row per feature, in the order in which a message is offered to them; a row and the file
`procs/bot_main/features/<name>.py` are all that a feature is made of.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from bus.messages import Phase


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


HOLDING = (Phase.STARTING, Phase.ACTIVE, Phase.STOPPING)
"""Phases in which features stand back."""
UNKNOWN_MS = 2_000
"""After a start nothing is known yet, so everything stands back for so long."""
LOST_MS = 2_500
"""A wanted session whose level was lost counts for so long beyond its lease: its sink may be restarting."""
NOTICE_MS = 60_000
"""A sentence is said to a person once in this time."""

Level = tuple[str, str, Phase]
"""(sink, session, phase) of a living session level."""


class Closure:
    """Whether a session holds the features back. It keeps nothing that somebody would have to clear.

    Args:
        now_ms: when this process began to look.
        is_wanted: whether anybody still wants a session.
    """

    def __init__(self, now_ms: int, is_wanted: Callable[[str], bool] = lambda session: True) -> None:
        self._began_ms = now_ms
        self._is_wanted = is_wanted
        self._held: dict[tuple[str, str], int | None] = {}
        """(sink, session) → when its level was lost, None while it lives."""

    def observe(self, levels: Iterable[Level], now_ms: int) -> None:
        """Take in all levels that live now."""
        present = {(sink, session): phase for sink, session, phase in levels}
        for key, phase in present.items():
            if phase in HOLDING:
                self._held[key] = None
            else:
                self._held.pop(key, None)
        for key in self._held.keys() - present.keys():
            if self._held[key] is None:
                self._held[key] = now_ms
        self._held = {
            key: lost_ms
            for key, lost_ms in self._held.items()
            if lost_ms is None or (self._is_wanted(key[1]) and now_ms - lost_ms < LOST_MS)
        }

    @property
    def is_held(self) -> bool:
        """Whether a session is known that holds them back."""
        return bool(self._held)

    def is_open(self, now_ms: int) -> bool:
        """Whether features may begin something, as far as was observed."""
        return now_ms - self._began_ms >= UNKNOWN_MS and not self._held


class Notices:
    """Who was told what lately."""

    def __init__(self) -> None:
        self._told_ms: dict[tuple[str, int], int] = {}

    def is_due(self, text: str, user_id: int, now_ms: int) -> bool:
        """Whether somebody may be told a sentence now; if so, they count as told."""
        self._told_ms = {key: ms for key, ms in self._told_ms.items() if now_ms - ms < NOTICE_MS}
        if (text, user_id) in self._told_ms:
            return False
        self._told_ms[text, user_id] = now_ms
        return True
