"""What the gateway tells a client, before it is put into a protocol's words. Pure constructors.

`docs/web-protocol.md` has the table; here is one function for each event with more than one field.
"""

from dataclasses import dataclass, field
from typing import Any

from bus.errors import CODES, sentence
from bus.messages import Mark

CONTROL, IN, OUT = "control", "audio_in", "audio_out"


@dataclass(frozen=True)
class Event:
    """One thing to tell."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    source: str = "system"
    """`system`, `server`, `client`, `llm` or `tts`."""
    track: str = CONTROL
    """`control`, `audio_in` or `audio_out`."""
    is_kept: bool = True
    """Whether a client that was away gets it later."""


STAGES = frozenset({"protocol", "auth", "audio", "llm", "tts"})
"""First parts of codes that name their stage; everything else concerns the session."""


def words(code: str) -> str:
    """Cause and remedy of a code, for people."""
    return sentence(code) if code in CODES else ""


def error(code: str, message: str = "", sender: str = "server", prompt_id: str = "") -> Event:
    """Something went wrong, with the prompt it is about if there is one."""
    area = code.replace("_", ".").partition(".")[0]
    stage = area if area in STAGES else "session"
    data = {"sender": sender, "code": code, "message": message or words(code), "stage": stage}
    if prompt_id:
        data["id"] = prompt_id
    source = sender if sender in ("client", "server") else "system"
    return Event("error", data, source, IN if stage == "audio" else CONTROL)


def accepted(turn: int, waiting: int, request_id: str) -> Event:
    """A prompt was taken."""
    return Event("input.accepted", {"turn_id": turn, "waiting": waiting, "id": request_id})


def delta(turn: int, text: str, first_char: int) -> Event:
    """More of the reply."""
    data = {"turn_id": turn, "text": text, "first_char": first_char}
    return Event("assistant.response.delta", data, "llm", OUT)


def final(turn: int, text: str, finish_reason: str) -> Event:
    """All of the reply."""
    data = {"turn_id": turn, "text": text, "finish_reason": finish_reason}
    return Event("assistant.response.final", data, "llm", OUT)


def captions(turn: int, first_index: int, marks: tuple[Mark, ...], duration_ms: int, complete: bool) -> Event:
    """Which words sound when."""
    data = {
        "turn_id": turn,
        "first_index": first_index,
        "marks": [
            {"start_ms": m.start_ms, "first_char": m.first_char, "end_char": m.end_char} for m in marks
        ],
        "duration_ms": duration_ms,
        "complete": complete,
    }
    return Event("output.captions", data, "tts", OUT)


def heard(turn: int, played_ms: int, heard_chars: int) -> Event:
    """How far the sound has come; of no use later, and ten of them come in a second."""
    data = {"turn_id": turn, "played_ms": played_ms, "heard_chars": heard_chars}
    return Event("output.heard", data, "server", OUT, is_kept=False)


def interrupted(turn: int, played_ms: int, heard_chars: int) -> Event:
    """The sound ends here."""
    data = {"turn_id": turn, "played_ms": played_ms, "heard_chars": heard_chars}
    return Event("response.interrupted", data, "server", OUT)


def ended(turn: int, outcome: str, code: str, heard_chars: int) -> Event:
    """A turn is over."""
    data = {
        "turn_id": turn,
        "outcome": outcome,
        "code": code,
        "message": words(code),
        "heard_chars": heard_chars,
    }
    return Event("turn.ended", data)


def audio_start(turn: int, position_ms: int, rate_hz: int) -> Event:
    """The frames that follow."""
    data = {"turn_id": turn, "position_ms": position_ms, "sample_rate_hz": rate_hz}
    return Event("output.audio.start", data, "tts", OUT)


def audio_end(turn: int, position_ms: int, reason: str) -> Event:
    """No frame follows."""
    data = {"turn_id": turn, "position_ms": position_ms, "reason": reason}
    return Event("output.audio.end", data, "tts", OUT)


def stopped(session_id: str, reason: str) -> Event:
    """The session is over."""
    return Event("session.stopped", {"sessionId": session_id, "reason": reason, "message": words(reason)})


def unrecognised(n_frames: int) -> Event:
    """Sound came from the microphone, and nobody can listen to it."""
    code = "recognition_missing"
    data = {"code": code, "message": words(code), "frames": n_frames}
    return Event("input.audio.unrecognised", data, "asr", IN)
