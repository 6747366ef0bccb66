"""Why she can't be called into a voice channel now, told before anything is tried. Pure.

Discord does not answer a join that it refuses, so what can be known is looked at first, in this order.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bus.errors import CODES, sentence
from procs.bot_main.core.chat import VoiceRoom

NOT_IN_VOICE = f"❌ {CODES['voice_not_in_channel'].cause}"
ALREADY = "❌ Already in a voice session! Use `{prefix} leave` first."
FULL = f"❌ {CODES['voice_channel_full'].cause}"
QUIET = (
    "🌙 Quiet hours in this server until {until}: I don't speak then, but you may write to me. "
    "Administrators can change them: `{prefix} settings quiet_hours`."
)
NO_VOICE = "❌ TTS pipeline not available. Check soprano/rvc containers."


@dataclass(frozen=True)
class Call:
    """Somebody calls her, and what is known of it."""

    room: VoiceRoom | None
    """Channel that was named or that the caller is in; None = there is none."""
    is_named: bool
    """Whether a channel was named."""
    prefix: str
    has_session: bool = False
    """Whether she is in a session in this server."""
    n_sessions: int = 0
    """Sessions anywhere."""
    max_sessions: int = 1
    is_allowed: bool = True
    """Whether this server's settings allow the channel."""
    has_voice: bool = True
    """Whether the voice's process can work."""
    voice_code: str = ""
    """Error code of a voice that can't."""
    quiet_until: str = ""
    """When this server's quiet hours end, empty outside them."""


def obstacle(call: Call) -> str:
    """What to answer instead of joining, empty if nothing forbids it."""
    return next((text(call) for holds, text in _OBSTACLES if holds(call)), "")


def _full(call: Call) -> bool:
    room = call.room
    return bool(room and room.user_limit and room.n_people >= room.user_limit and not room.may_exceed_limit)


def _no_permission(call: Call) -> str:
    missing = " and ".join(call.room.missing) if call.room else ""
    return f"❌ {CODES['voice_no_permission'].cause} Give her role {missing} there."


def _voice(call: Call) -> str:
    return f"{NO_VOICE}\n{sentence(call.voice_code)}" if call.voice_code in CODES else NO_VOICE


Obstacle = tuple[Callable[[Call], bool], Callable[[Call], str]]

_OBSTACLES: tuple[Obstacle, ...] = (
    (lambda c: bool(c.quiet_until), lambda c: QUIET.format(until=c.quiet_until, prefix=c.prefix)),
    (lambda c: not c.room and not c.is_named, lambda c: NOT_IN_VOICE),
    (lambda c: c.has_session, lambda c: ALREADY.format(prefix=c.prefix)),
    (lambda c: c.n_sessions >= c.max_sessions, lambda c: f"❌ {sentence('session_active')}"),
    (lambda c: not c.room, lambda c: "❌ I don't see a voice channel of that name here."),
    (lambda c: bool(c.room and c.room.is_stage), lambda c: f"❌ {sentence('voice_stage')}"),
    (lambda c: not c.is_allowed, lambda c: "❌ This server's settings keep me out of that voice channel. "
                                           f"`{c.prefix} settings voice_channels` shows where I may go."),
    (lambda c: bool(c.room and c.room.missing), _no_permission),
    (_full, lambda c: FULL),
    (lambda c: not c.has_voice, _voice),
)  # fmt: skip
"""When she can't, and what is said; the first that holds counts."""
