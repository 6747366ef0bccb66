"""A session's plain facts: its terms, what the store keeps of it, how a turn of it ended. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bus.messages import ChatMessage, Intent, SessionState
from procs.bot_main.core.running import Asked, Outcome, Patience


@dataclass(frozen=True)
class Terms:
    """What holds for every session."""

    max_waiting: int
    """Prompts that may wait."""
    history_messages: int
    """Messages remembered."""
    patience: Patience
    start_ms: int
    """Time in which the sink must have the session active."""
    idle_ms: int
    """Time without prompts after which the session ends; 0 = never."""
    default_user: str
    """Name of people who give none."""


@dataclass(frozen=True)
class Record:
    """A session as the store keeps it."""

    session: str
    intent: Intent
    renewed_ms: int
    """Wall ms at which this process last stood by the intent."""
    floor: int
    issued: int
    running: Asked | None
    waiting: tuple[Asked, ...]
    history: tuple[ChatMessage, ...]
    owed: tuple[Asked, ...] = ()
    """Prompts that nobody can speak the answer of; they are to be answered in writing."""


def session_id(wall_ms: int, token: str) -> str:
    """A new id: start time in UTC, so that ids sort, and four hex digits."""
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC):%Y%m%d-%H%M%S}-{token}"


@dataclass(frozen=True)
class Ended:
    """A turn that is over."""

    turn: int
    outcome: Outcome
    elapsed_ms: int = 0
    """Since it was handed over; 0 if it never was."""
    asked: Asked = field(default_factory=lambda: Asked(0))
    """What was asked."""
    text: str = ""
    """The whole reply, as far as it was written."""
    received: str = ""
    """The part that people got."""
    is_model_at_fault: bool = False
    """Of a failure: whether there is no answer because of the model."""
    was_heard: bool = True
    """Whether any sound of it was played."""
    is_shortened: bool = False
    """Whether it was longer than what was to be spoken of it."""
    is_owed: bool = False
    """Whether what was asked will be answered all the same: by another turn, or in writing."""


def intent_behind(state: SessionState) -> Intent:
    """The intent that a sink acts on, as far as its session level tells."""
    return Intent(
        wanted=True,
        sink=state.sink,
        since_ms=state.since_ms,
        revision=state.revision,
        guild_id=state.guild_id,
        voice_channel_id=state.voice_channel_id,
        prompt_channel_id=state.prompt_channel_id,
    )
