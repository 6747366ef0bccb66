"""Writes GGUF, the model file of llama.cpp, with the standard library alone.

Knows the container and nothing of what lies in it; never touches a disk.
Source: the GGUF specification, version 3, of the ggml project.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT_BYTES = 32
"""Tensors begin at multiples of this: the format's default."""

Value = bool | int | float | str | Sequence[int] | Sequence[float] | Sequence[str]
"""What a metadata key may hold; the written type follows from the Python type."""


class TensorType(IntEnum):
    """Element types of tensors, by their number in the format."""

    F32 = 0
    F16 = 1


@dataclass(frozen=True)
class Tensor:
    """A named array.

    Args:
        shape: lengths, the fastest running dimension first.
        data: its elements, little-endian.
    """

    name: str
    shape: tuple[int, ...]
    type: TensorType
    data: bytes


_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
"""Types of metadata values, by their number in the format."""

_FORMATS = {_U32: "<I", _I32: "<i", _F32: "<f", _BOOL: "<?"}


def gguf(metadata: Mapping[str, Value], tensors: Sequence[Tensor]) -> bytes:
    """A whole file: header, metadata, table of tensors, their data."""
    head = [MAGIC, struct.pack("<IQQ", VERSION, len(tensors), len(metadata))]
    head += [_string(key) + _value(value) for key, value in metadata.items()]
    data: list[bytes] = []
    offset = 0
    for tensor in tensors:
        head.append(_table_row(tensor, offset))
        data.append(_aligned(tensor.data))
        offset += len(data[-1])
    return _aligned(b"".join(head)) + b"".join(data)


def _table_row(tensor: Tensor, offset: int) -> bytes:
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return _string(tensor.name) + shape + struct.pack("<IQ", tensor.type, offset)


def _value(value: Value) -> bytes:
    if isinstance(value, str) or not isinstance(value, Sequence):
        kind = _kind(value)
        return struct.pack("<I", kind) + _element(kind, value)
    # Integers in arrays are token types, which the format wants signed.
    kind = _I32 if isinstance(value[0], int) else _kind(value[0])
    elements = b"".join(_element(kind, element) for element in value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + elements


def _kind(value: bool | int | float | str) -> int:
    if isinstance(value, bool):
        return _BOOL
    return {int: _U32, float: _F32, str: _STRING}[type(value)]


def _element(kind: int, value: bool | int | float | str) -> bytes:
    return _string(str(value)) if kind == _STRING else struct.pack(_FORMATS[kind], value)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _aligned(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % ALIGNMENT_BYTES)
