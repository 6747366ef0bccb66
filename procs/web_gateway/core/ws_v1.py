"""WS v1, the client's side of it: which message is understood when, and what it asks for. Pure.

`docs/web-protocol.md` is the contract.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from procs.web_gateway.core.intake import FRAME_BYTES, TEXT_CHARS, Intake, State
from procs.web_gateway.core.shape import Field, Fields, fault, flag, number, one_of, shaped, text, whole
from procs.web_gateway.core.steps import (
    Acknowledge,
    Ask,
    Cancel,
    Fault,
    Played,
    Pong,
    Sound,
    Start,
    Step,
    Stop,
)

VERSION = "v1"
MAX_TURN = 2**53

_LABEL = text(64)
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}")


def _is_variables(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= 30
        and all(_VARIABLE.fullmatch(key) and text(1_000)(known) for key, known in value.items())
    )


_AUDIO: Fields = {
    "encoding": Field(one_of("pcm_s16le")),
    "sample_rate_hz": Field(one_of(16_000)),
    "channels": Field(one_of(1)),
}
_OUTPUT: Fields = {
    "mode": Field(one_of("audio", "text")),
    "sample_rate_hz": Field(one_of(16_000, 24_000, 48_000)),
}
_METADATA: Fields = {
    "client": Field(_LABEL),
    "channel": Field(_LABEL),
    "appId": Field(_LABEL),
    "source": Field(_LABEL),
    "user": Field(_LABEL),
    "greeting": Field(text(1_000)),
    "dynamicVariables": Field(_is_variables),
    "history": Field(shaped({"userId": Field(lambda _: True), "assistantId": Field(lambda _: True)})),
    "output": Field(shaped(_OUTPUT)),
}
FORBIDDEN = frozenset(
    (
        *("systemPrompt", "services", "tools", "configVersionId", "assistantId", "firstTurnMode", "bargeIn"),
        *("generatedOpenerEnabled", "knowledgeBaseId", "knowledge", "openerAudio", "llm", "asr", "tts"),
    )
)
"""Metadata by which other servers of this protocol let a client change them; here only the operator may."""

_LIVE = frozenset({State.ACTIVE})
_GREETED = frozenset(State) - {State.WAIT_HELLO, State.STOPPED}


@dataclass(frozen=True)
class Row:
    """One message type: its fields, and the states in which it is understood."""

    fields: Fields
    states: frozenset[State]


MESSAGES: dict[str, Row] = {
    "hello": Row(
        {
            "version": Field(text(16), required=True),
            "auth": Field(shaped({"apiKey": Field(text(4_096)), "jwt": Field(text(4_096))})),
            "last_seq": Field(whole(0, 2**53)),
            "received": Field(
                shaped(
                    {
                        "turn_id": Field(whole(0, MAX_TURN), required=True),
                        "position_ms": Field(whole(0, 2**31), required=True),
                    }
                )
            ),
        },
        frozenset({State.WAIT_HELLO}),
    ),
    "session.start": Row(
        {"audio": Field(shaped(_AUDIO)), "metadata": Field(shaped(_METADATA))},
        frozenset({State.WAIT_START}),
    ),
    "input.text": Row({"text": Field(text(TEXT_CHARS, 1), required=True), "id": Field(_LABEL)}, _LIVE),
    "response.cancel": Row({"graceful": Field(flag)}, _LIVE),
    "output.audio.played": Row(
        {
            "turn_id": Field(whole(1, MAX_TURN), required=True),
            "position_ms": Field(whole(0, 2**31), required=True),
        },
        _LIVE,
    ),
    "session.stop": Row({"reason": Field(_LABEL)}, frozenset({State.STARTING, State.ACTIVE})),
    "ping": Row({"ts": Field(number)}, _GREETED),
    "pong": Row({"ts": Field(number)}, _GREETED),
}
"""Every message that is understood."""


class V1Protocol(Intake):
    """One connection's side of the protocol.

    Args:
        verify: (API key, JWT) → error code, empty if they will do.
        is_known: whether the credential came before the upgrade.
        is_resuming: whether the connection takes up a session.
    """

    def __init__(
        self, verify: Callable[[str, str], str], *, is_known: bool, is_resuming: bool = False
    ) -> None:
        super().__init__(State.WAIT_HELLO)
        self._verify = verify
        self._is_known = is_known
        self._is_resuming = is_resuming

    def refused(self) -> None:
        """The session was refused; it may be tried again."""
        if self.state is State.STARTING:
            self.state = State.WAIT_START

    def unheard(self) -> list[Step]:
        """No hello came in time."""
        if self.state is not State.WAIT_HELLO:
            return []
        return self._end(Fault("auth.required", "No hello came in time.", "auth"))

    def _heard(self, n_bytes: int) -> list[Step]:
        if self.state is not State.ACTIVE:
            return [Fault("protocol.order", "Sound may come once session.started has been said.")]
        if not n_bytes or n_bytes % FRAME_BYTES:
            expected = f"Sound comes in multiples of {FRAME_BYTES} bytes (20 ms at 16 kHz)"
            return [Fault("audio.frame_size_mismatch", f"{expected}; this had {n_bytes}.")]
        return [Sound(n_bytes // FRAME_BYTES)]

    def _take(self, kind: str, message: dict[str, Any]) -> list[Step]:  # noqa: PLR0911 - a table as a match
        row = MESSAGES.get(kind)
        if row is None:
            return [Fault("protocol.unsupported", f"There is no message of type {kind[:64]!r} here.")]
        if self.state not in row.states:
            return [Fault("protocol.order", f"{kind} is not expected in state {self.state}.")]
        metadata = message.get("metadata")
        if isinstance(metadata, dict) and (taken := FORBIDDEN & metadata.keys()):
            return [Fault("protocol.invalid_override", f"{min(taken)} is the server's own setting.")]
        if wrong := fault(row.fields, message):
            return [Fault("protocol.invalid_message", f"{kind}: {wrong}.")]
        match kind:
            case "hello":
                return self._hello(message)
            case "session.start":
                return self._start(message)
            case "input.text":
                return [Ask(message["text"], message.get("id", ""))]
            case "response.cancel":
                return [Cancel(message.get("graceful", False))]
            case "output.audio.played":
                return [Played(message["turn_id"], message["position_ms"])]
            case "session.stop":
                self.stop()
                return [Stop(message.get("reason") or "client_requested")]
            case "ping":
                return [Pong(message.get("ts", 0))]
        self.answers_pings = True
        return []

    def _hello(self, message: dict[str, Any]) -> list[Step]:
        if message["version"] != VERSION:
            text = f"Version {message['version']!r} is not spoken here; {VERSION} is."
            return self._end(Fault("protocol.version_unsupported", text))
        auth = message.get("auth", {})
        if not self._is_known and (code := self._verify(auth.get("apiKey", ""), auth.get("jwt", ""))):
            wrong = (
                "The API key is wrong." if code == "auth.invalid_api_key" else "A valid credential is needed."
            )
            return self._end(Fault(code, wrong, "auth"))
        self.state = State.ACTIVE if self._is_resuming else State.WAIT_START
        received = message.get("received", {})
        return [
            Acknowledge(
                message.get("last_seq", 0), received.get("turn_id", 0), received.get("position_ms", 0)
            )
        ]

    def _start(self, message: dict[str, Any]) -> list[Step]:
        metadata = message.get("metadata", {})
        output = metadata.get("output", {})
        greeting = filled(metadata.get("greeting", ""), metadata.get("dynamicVariables", {}))
        if len(greeting) > TEXT_CHARS:
            return [Fault("protocol.invalid_message", "session.start: the greeting is too long.")]
        self.state = State.STARTING
        return [
            Start(
                audio=message.get("audio", {}),
                user=metadata.get("user", ""),
                client=metadata.get("client", ""),
                greeting=greeting,
                is_text=output.get("mode") == "text",
                rate_hz=output.get("sample_rate_hz", 16_000),
            )
        ]


def filled(template: str, variables: dict[str, str]) -> str:
    """`{{name}}` replaced by its value, once; unknown names stay."""
    return re.sub(
        r"\{\{([a-zA-Z_][a-zA-Z0-9_]{0,63})\}\}",
        lambda found: variables.get(found[1], found[0]),
        template,
    )
