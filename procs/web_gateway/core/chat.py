"""Live chat, the client's side of it: what its messages ask for. Pure; same steps as WS v1."""

import json
from typing import Any

from procs.web_gateway.core.dialect import Chat
from procs.web_gateway.core.rate import Patience, Rate
from procs.web_gateway.core.shape import Field, Fields, fault, number, text, whole
from procs.web_gateway.core.ws_v1 import (
    BURST_S,
    FRAME_BYTES,
    POLICY,
    RATE_FAULTS,
    RATE_WITHIN_MS,
    SOUND_BYTES_PER_S,
    TEXT_CHARS,
    TEXTS_PER_S,
    Ask,
    Cancel,
    Close,
    Fault,
    Pong,
    Sound,
    State,
    Step,
)

MESSAGES: dict[str, Fields] = {
    "text": {"text": Field(text(TEXT_CHARS, 1), required=True)},
    "interrupt": {"last_chunk_id": Field(whole(-1, 2**53))},
    "ping": {"ts": Field(number)},
    "pong": {"ts": Field(number)},
}
"""Every message that is understood."""


class ChatProtocol:
    """One connection; its session begins with it.

    Args:
        dialect: knows which chunk is which part of a turn.
    """

    def __init__(self, dialect: Chat) -> None:
        self.state = State.STARTING
        self.answers_pings = False
        self._dialect = dialect
        self._texts = Rate(TEXTS_PER_S, TEXTS_PER_S * BURST_S)
        self._sound = Rate(SOUND_BYTES_PER_S, SOUND_BYTES_PER_S * BURST_S)
        self._patience = Patience(RATE_FAULTS, RATE_WITHIN_MS)

    def started(self) -> None:
        """The session is active."""
        if self.state is State.STARTING:
            self.state = State.ACTIVE

    def refused(self) -> None:
        """The session was refused: so is the connection."""
        self.stop()

    def stop(self) -> None:
        """The connection is over."""
        self.state = State.STOPPED

    def unheard(self) -> list[Step]:
        """There is no hello to wait for."""
        return []

    def take_sound(self, n_bytes: int, now_ms: int) -> list[Step]:
        """A binary frame of so many bytes."""
        if self.state is State.STOPPED:
            return []
        if not self._sound.takes(n_bytes, now_ms):
            return self._too_much(now_ms)
        if self.state is not State.ACTIVE:
            return []  # clients of this protocol send sound from the first moment on
        if not n_bytes or n_bytes % 2:
            return [
                Fault("audio.frame_size_mismatch", f"16-bit samples are expected; this had {n_bytes} bytes.")
            ]
        return [Sound(-(-n_bytes // FRAME_BYTES))]

    def take_text(self, raw: str, now_ms: int) -> list[Step]:
        """A text frame."""
        if self.state is State.STOPPED:
            return []
        if not self._texts.takes(1, now_ms):
            return self._too_much(now_ms)
        try:
            message = json.loads(raw)
        except (ValueError, RecursionError):
            return [Fault("protocol.invalid_json", "The message is not JSON.")]
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            return [Fault("protocol.invalid_message", "A message is an object with a type.")]
        return self._take(message.pop("type"), message)

    def _take(self, kind: str, message: dict[str, Any]) -> list[Step]:  # noqa: PLR0911 - a table as a match
        fields = MESSAGES.get(kind)
        if fields is None:
            return [Fault("protocol.unsupported", f"There is no message of type {kind[:64]!r} here.")]
        if wrong := fault(fields, message):
            return [Fault("protocol.invalid_message", f"{kind}: {wrong}.")]
        if kind == "ping":
            return [Pong(message.get("ts", 0))]
        if kind == "pong":
            self.answers_pings = True
            return []
        if self.state is not State.ACTIVE:
            return [Fault("protocol.order", f"{kind} may come once the status is listening.")]
        if kind == "text":
            return [Ask(message["text"])]
        if "last_chunk_id" not in message:
            return [Cancel()]
        turn, heard_ms = self._dialect.heard(message["last_chunk_id"])
        return [Cancel(heard_turn=turn, heard_ms=heard_ms, is_told=True)]

    def _too_much(self, now_ms: int) -> list[Step]:
        fault = Fault("protocol.rate", "Too much at once; this message was dropped.")
        if not self._patience.tried(now_ms):
            return [fault]
        self.stop()
        return [fault, Close(POLICY)]
