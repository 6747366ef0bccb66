"""Live chat, the client's side of it: what its messages ask for. Pure; same steps as WS v1."""

from typing import Any

from procs.web_gateway.core.dialect import Chat
from procs.web_gateway.core.intake import FRAME_BYTES, TEXT_CHARS, Intake, State
from procs.web_gateway.core.shape import Field, Fields, fault, number, text, whole
from procs.web_gateway.core.steps import Ask, Cancel, Fault, Pong, Sound, Step

MESSAGES: dict[str, Fields] = {
    "text": {"text": Field(text(TEXT_CHARS, 1), required=True)},
    "interrupt": {"last_chunk_id": Field(whole(-1, 2**53))},
    "ping": {"ts": Field(number)},
    "pong": {"ts": Field(number)},
}
"""Every message that is understood."""


class ChatProtocol(Intake):
    """One connection; its session begins with it.

    Args:
        dialect: knows which chunk is which part of a turn.
    """

    def __init__(self, dialect: Chat) -> None:
        super().__init__(State.STARTING)
        self._dialect = dialect

    def refused(self) -> None:
        """The session was refused: so is the connection."""
        self.stop()

    def _heard(self, n_bytes: int) -> list[Step]:
        if self.state is not State.ACTIVE:
            return []  # clients of this protocol send sound from the first moment on
        if not n_bytes or n_bytes % 2:
            return [
                Fault("audio.frame_size_mismatch", f"16-bit samples are expected; this had {n_bytes} bytes.")
            ]
        return [Sound(-(-n_bytes // FRAME_BYTES))]

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
