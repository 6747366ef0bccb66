"""What the session does, as people read it: for voice-status and the panel. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bus.errors import CODES
from bus.messages import Health, NodeState, Phase
from procs.bot_main.core.gate import FEATURES

NONE = "No active voice session"


@dataclass(frozen=True)
class Status:
    """All that is shown of a session."""

    phase: Phase | None
    voice_channel: str
    """Name of the channel she is in."""
    prompt_channel_id: int
    starter: str
    """User id of who called her, as text."""
    since_ms: int
    """Wall ms."""
    is_answering: bool
    is_sounding: bool
    n_waiting: int
    first_sounds_ms: Sequence[int] = ()
    model: Health | None = None
    voice: Health | None = None
    gpu: Mapping[str, str] = field(default_factory=dict)
    """Card or route → what it does."""
    trouble_codes: Sequence[str] = ()
    """Error codes of what is wrong with bot_main: its disk, what Discord does not grant."""


def state_word(status: Status) -> str:
    """One word for what she does."""
    if status.phase is not Phase.ACTIVE:
        return {Phase.STARTING: "joining", Phase.STOPPING: "leaving"}.get(status.phase, "connecting")  # type: ignore[arg-type]
    if status.is_sounding:
        return "speaking"
    return "thinking" if status.is_answering else "listening"


def lines(status: Status) -> list[str]:
    """The status, a line each."""
    told = [
        "🎤 **Voice Session Active**",
        f"Voice Channel: {status.voice_channel}",
        f"Prompt Channel: <#{status.prompt_channel_id}>",
        *(f"GPU: {card}: {what}" for card, what in status.gpu.items()),
        "Text Channels: Paused (queued)",
        f"State: {state_word(status)}, {status.n_waiting} waiting",
        f"Called: <t:{status.since_ms // 1000}:R>" + (f" by <@{status.starter}>" if status.starter else ""),
        f"Model: {node_word(status.model, 'model')}",
        f"Voice: {node_word(status.voice, 'voice')}",
        f"Until I leave, these stand back: {', '.join(row.title for row in FEATURES)}",
    ]
    if status.first_sounds_ms:
        median_s = statistics.median(status.first_sounds_ms) / 1000
        told.append(f"First sound: {median_s:.1f} s (median of the last {len(status.first_sounds_ms)})")
    return told + troubles(status.trouble_codes)


def troubles(codes: Iterable[str]) -> list[str]:
    """What is wrong, a line each."""
    return [f"⚠️ {CODES[code].cause}" for code in codes if code in CODES]


def node_word(health: Health | None, fact: str) -> str:
    """How a process is: what it is made of, or what it lacks."""
    if health is None:
        return "not there"
    if health.state in (NodeState.DEGRADED, NodeState.LOADING) and health.code in CODES:
        return f"{health.state}: {CODES[health.code].cause}"
    named = health.facts.get(fact) or health.facts.get("backend", "")
    return f"{health.state} ({named})" if named else str(health.state)
