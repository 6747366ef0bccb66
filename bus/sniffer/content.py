"""Which fields hold what people said, and how they are hidden. Pure.

The rule is closed: a number passes, a value of an enumeration passes, text passes only where `NAMES` says
that the field names something. Everything else (text of any other field, bytes, and whatever a newer
protocol may bring) is content, hidden on the screen and blanked in recordings unless asked for.
"""

import dataclasses
import functools
import typing
from array import array
from collections.abc import Callable
from enum import Enum
from typing import Any

from bus.messages import (
    ChatMessage,
    FeatureState,
    Health,
    HouseState,
    Intent,
    PlayoutState,
    ReplyState,
    Request,
    RequestAnswer,
    SessionState,
    SettingValue,
    Token,
    TurnEvent,
    VoiceLink,
)
from bus.topics import TOPICS

NAMES: dict[type, frozenset[str]] = {
    Intent: frozenset({"sink", "requested_by", "reason"}),
    SessionState: frozenset({"sink", "refusal", "reason"}),
    FeatureState: frozenset({"name", "action", "code", "title"}),
    HouseState: frozenset({"mood", "persona", "gpu"}),
    PlayoutState: frozenset({"recording", "code"}),
    ReplyState: frozenset({"finish_reason"}),
    Health: frozenset({"applied", "code", "detail", "facts"}),
    SettingValue: frozenset({"name"}),
    TurnEvent: frozenset({"code", "detail"}),
    Request: frozenset({"id", "sink"}),
    RequestAnswer: frozenset({"id", "session", "code"}),
    VoiceLink: frozenset({"code", "silenced"}),
    ChatMessage: frozenset({"role"}),
    Token: frozenset({"finish_reason"}),
}
"""Text fields that name things (ids, codes, technical lines) and are shown to everybody."""

Hide = Callable[[Any], Any]

BAR_CELLS = 8
"""Width of a level bar: one cell is 6 dB, so silence to full scale is 48 dB."""


def redact(topic: str, body: dict[str, Any], hide: Hide) -> dict[str, Any]:
    """A message's plain values with every piece of content replaced by `hide(piece)`."""
    row = TOPICS.get(topic)
    return _message(body, row.message if row else _Unknown, hide)


class _Unknown:
    """Stands for the message of a topic that is not in the list: no field is known."""


def shown(piece: Any) -> Any:
    """Content as a stranger may see it: its size, and for sound its loudness."""
    match piece:
        case str():
            return f"<{len(piece)} chars>"
        case bytes():
            return f"{level_bar(piece)} <{len(piece)} bytes>"
        case list() | dict():
            return f"<{len(piece)} entries>"
    return piece


def blank(piece: Any) -> Any:
    """Content as a recording keeps it: of the same size and without meaning."""
    match piece:
        case str():
            return "x" * len(piece)
        case bytes():
            return bytes(len(piece))
        case list():
            return [blank(item) for item in piece]
        case dict():
            return {}
    return piece


def level_bar(pcm: bytes) -> str:
    """Peak of `int16` little-endian samples as a bar of `BAR_CELLS` cells, 6 dB each."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    peak = max((max(samples, default=0), -min(samples, default=0)))
    n_full = max(0, peak.bit_length() - (15 - BAR_CELLS))
    return "█" * min(n_full, BAR_CELLS) + "░" * max(BAR_CELLS - n_full, 0)


def _value(value: Any, hint: Any, hide: Hide) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _message(value, typing.cast(type, hint), hide)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        return [_value(item, typing.get_args(hint)[0], hide) for item in value]
    if isinstance(hint, type) and issubclass(hint, Enum) and value in tuple(hint):
        return value
    return hide(value)


def _message(body: dict[str, Any], message_type: type, hide: Hide) -> dict[str, Any]:
    hints, names = _hints(message_type), NAMES.get(message_type, frozenset())
    return {
        key: value if key in names else _value(value, hints.get(key), hide) for key, value in body.items()
    }


@functools.cache
def _hints(message_type: type) -> dict[str, Any]:
    return typing.get_type_hints(message_type)
