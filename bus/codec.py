"""Dataclass ↔ MessagePack map, by plans derived from type hints. The only importer of `msgpack`.

A message becomes a map of its fields, so that any version can be read without a schema. Reading is
strict about what it uses and blind to what it does not know: unknown fields are skipped, missing ones
take their default, a wrong type refuses the message. Limits guard against hostile bytes: size (given by
the topic), depth 8, no duplicate keys, no extension types, no NaN (reliability rows S2 to S4).
"""

import dataclasses
import functools
import math
import typing
from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import Any, TypeVar

import msgpack

from bus.errors import BadMessage, DecodeError

T = TypeVar("T")
Plan = Callable[[Any], Any]

MAX_DEPTH = 8
"""Deepest nesting accepted; our deepest message has four levels."""


def encode(message: object) -> bytes:
    """The MessagePack map of a message."""
    packed: bytes = msgpack.packb(_fields(message), use_bin_type=True, default=_plain)
    return packed


def decode(body: bytes | memoryview, message_type: type[T], limit_bytes: int) -> T:
    """A message from its bytes.

    Raises:
        DecodeError: not a map of that message, or beyond a limit.
    """
    return from_plain(decode_any(body, limit_bytes), message_type)


def from_plain(value: Any, message_type: type[T]) -> T:
    """A message from plain values, as `decode_any` gives them.

    Raises:
        DecodeError: not a map of that message.
    """
    return typing.cast(T, _plan(typing.cast(Hashable, message_type))(value))


def decode_any(body: bytes | memoryview, limit_bytes: int) -> Any:
    """Whatever the bytes hold, as plain Python values, within the limits.

    Raises:
        DecodeError: malformed, too large, too deep, or with duplicate keys.
    """
    if len(body) > limit_bytes:
        raise DecodeError(f"{len(body)} bytes, limit {limit_bytes}")
    try:
        value = msgpack.unpackb(
            body, raw=False, strict_map_key=False, object_pairs_hook=_unique, ext_hook=_no_extension
        )
    except DecodeError:
        raise
    # The library raises several unrelated types on hostile input; none of them may pass this border.
    except Exception as error:
        raise DecodeError(f"not MessagePack: {type(error).__name__}") from None
    _check_shape(value)
    return value


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise DecodeError("duplicate keys")
    if not set(map(type, table)) <= {str}:
        raise DecodeError("keys that are no text")
    return table


def _no_extension(code: int, data: bytes) -> Any:
    raise DecodeError(f"extension type {code} of {len(data)} bytes")


def _check_shape(value: Any) -> None:
    """Walk level by level, so that depth cannot exhaust the stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for container in level for item in _items(container)]
        if not level:
            return
    raise DecodeError(f"nested deeper than {MAX_DEPTH}")


def _items(value: Any) -> Iterable[Any]:
    """What a value holds; the library decodes one extension type by itself, which is refused here."""
    if type(value) is msgpack.Timestamp:
        raise DecodeError("extension type -1")
    return value.values() if type(value) is dict else value if type(value) is list else ()


def _fields(message: object) -> dict[str, Any]:
    return {name: getattr(message, name) for name in _names(typing.cast(Hashable, type(message)))}


@functools.cache
def _names(message_type: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(message_type))


def _plain(value: object) -> Any:
    """Nested messages; everything else packs by itself (a StrEnum is a str)."""
    if dataclasses.is_dataclass(value):
        return _fields(value)
    raise BadMessage(f"{type(value).__name__} can't travel")


@functools.cache
def _plan(hint: Any) -> Plan:
    """A function that turns a decoded value into what the hint asks for, or refuses."""
    if dataclasses.is_dataclass(hint):
        return _dataclass_plan(typing.cast(type, hint))
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _tuple_plan(typing.get_args(hint)[0])
    if origin is dict:
        return _dict_plan(typing.get_args(hint)[1])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_plan(hint)
    if hint is float:
        return _float
    if hint in (int, str, bool, bytes):
        return functools.partial(_exact, hint)
    raise BadMessage(f"no plan for {hint}")


def _dataclass_plan(message_type: type) -> Plan:
    hints = typing.get_type_hints(message_type)
    plans = {f.name: _plan(hints[f.name]) for f in dataclasses.fields(message_type)}
    name = message_type.__name__

    def build(value: Any) -> Any:
        if type(value) is not dict:
            raise DecodeError(f"{name}: not a map")
        try:
            return message_type(**{key: plans[key](item) for key, item in value.items() if key in plans})
        except TypeError:
            missing = [key for key in plans if key not in value]
            raise DecodeError(f"{name}: fields missing among {', '.join(missing)}") from None
        except BadMessage as error:
            raise DecodeError(str(error)) from None

    return build


def _tuple_plan(hint: Any) -> Plan:
    plan = _plan(hint)

    def build(value: Any) -> Any:
        if type(value) is not list:
            raise DecodeError("not an array")
        return tuple(plan(item) for item in value)

    return build


def _dict_plan(hint: Any) -> Plan:
    plan = _plan(hint)

    def build(value: Any) -> Any:
        if type(value) is not dict or not all(type(key) is str for key in value):
            raise DecodeError("not a map with text keys")
        return {key: plan(item) for key, item in value.items()}

    return build


def _enum_plan(hint: type[Enum]) -> Plan:
    members = {member.value: member for member in hint}

    def build(value: Any) -> Any:
        if type(value) is not str or value not in members:
            raise DecodeError(f"not one of {hint.__name__}")
        return members[value]

    return build


def _exact(hint: type, value: Any) -> Any:
    if type(value) is not hint:
        raise DecodeError(f"{type(value).__name__} where {hint.__name__} belongs")
    return value


def _float(value: Any) -> float:
    if type(value) not in (float, int) or not math.isfinite(value):
        raise DecodeError("not a finite number")
    return float(value)
