"""A reader of GGUF for tests, written from the format's specification and not from our writer."""

import struct
from typing import Any

FORMATS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


class Reader:
    """Walks through a file."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def one(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self) -> str:
        n_bytes = self.one("<Q")
        self.at += n_bytes
        return self.raw[self.at - n_bytes : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == 8:
            return self.string()
        if kind == 9:
            element = self.one("<I")
            return [self.value(element) for _ in range(self.one("<Q"))]
        return self.one(FORMATS[kind])


def read_gguf(raw: bytes) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], bytes]]]:
    """Metadata; and name → (shape, bytes from the tensor's beginning on)."""
    reader = Reader(raw)
    assert raw[:4] == b"GGUF"
    reader.at = 8
    n_tensors, n_keys = reader.one("<Q"), reader.one("<Q")
    metadata = {}
    for _ in range(n_keys):
        key = reader.string()
        metadata[key] = reader.value(reader.one("<I"))
    rows = []
    for _ in range(n_tensors):
        name = reader.string()
        shape = tuple(reader.one("<Q") for _ in range(reader.one("<I")))
        reader.one("<I")
        rows.append((name, shape, reader.one("<Q")))
    data = raw[reader.at + -reader.at % 32 :]
    assert all(offset % 32 == 0 for _, _, offset in rows)
    return metadata, {name: (shape, data[offset:]) for name, shape, offset in rows}
