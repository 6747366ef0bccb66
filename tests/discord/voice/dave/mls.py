"""The pieces of MLS 1.0 that a DAVE gateway writes and reads. Source: RFC 9420, DAVE white paper 1.1.4.

Cipher suite 2 only: P-256, SHA-256, AES-128-GCM.
"""

import hashlib
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PUBLIC_MESSAGE = struct.pack(">HH", 1, 1)
"""Version mls10, wire format public message."""
EXTERNAL_SENDER = struct.pack(">BI", 2, 0)
PROPOSAL, COMMIT = 2, 3
ADD, REMOVE = 1, 3
BASIC_CREDENTIAL = 1
BY_REFERENCE = 2


def vector(content: bytes) -> bytes:
    """A variable-size vector: its length in 1, 2 or 4 bytes, the upper two bits telling which."""
    if len(content) < 1 << 6:
        return struct.pack(">B", len(content)) + content
    if len(content) < 1 << 14:
        return struct.pack(">H", len(content) | 1 << 14) + content
    return struct.pack(">I", len(content) | 2 << 30) + content


class Proposal(NamedTuple):
    """A proposal of the gateway."""

    message: bytes
    """The MLSMessage as members get it."""
    reference: bytes
    """By which a commit names it."""


class ExternalSender:
    """The voice gateway's identity in all groups."""

    def __init__(self, identity: bytes = b"loopback") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._identity = identity

    @property
    def package(self) -> bytes:
        """Signature key and credential, as members take them into their groups."""
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return vector(point) + struct.pack(">H", BASIC_CREDENTIAL) + vector(self._identity)

    def add(self, group_id: int, epoch: int, key_package: bytes) -> Proposal:
        """That the owner of a key package becomes a member."""
        return self._proposal(group_id, epoch, struct.pack(">H", ADD) + key_package)

    def remove(self, group_id: int, epoch: int, leaf: int) -> Proposal:
        """That the member at a leaf is none any longer."""
        return self._proposal(group_id, epoch, struct.pack(">HI", REMOVE, leaf))

    def _proposal(self, group_id: int, epoch: int, body: bytes) -> Proposal:
        content = vector(struct.pack(">Q", group_id)) + struct.pack(">Q", epoch) + EXTERNAL_SENDER
        content += vector(b"") + struct.pack(">B", PROPOSAL) + body
        label = vector(b"MLS 1.0 FramedContentTBS") + vector(PUBLIC_MESSAGE + content)
        signature = self._key.sign(label, ec.ECDSA(hashes.SHA256()))
        authenticated = PUBLIC_MESSAGE[2:] + content + vector(signature)
        hashed = vector(b"MLS 1.0 Proposal Reference") + vector(authenticated)
        return Proposal(PUBLIC_MESSAGE + content + vector(signature), hashlib.sha256(hashed).digest())


class Reader:
    """Reads MLS structures one after another.

    Raises `ValueError` where the bytes end too early.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def number(self, n_bytes: int) -> int:
        """An unsigned integer."""
        return int.from_bytes(self.take(n_bytes))

    def take(self, n_bytes: int) -> bytes:
        """The next bytes."""
        taken = self._data[self.at : self.at + n_bytes]
        if len(taken) < n_bytes:
            raise ValueError("MLS structure is cut off")
        self.at += n_bytes
        return taken

    def vector(self) -> bytes:
        """The content of a variable-size vector."""
        first = self.number(1)
        length = first & 0x3F
        for _ in range((1 << (first >> 6)) - 1):
            length = length << 8 | self.number(1)
        return self.take(length)


class Commit(NamedTuple):
    """What the gateway needs to know of a commit."""

    epoch: int
    leaf: int
    """Of its sender."""
    references: list[bytes]
    """The proposals it takes in, in its order."""
    message: bytes
    welcome: bytes
    """For those who are added; empty if there are none."""


def parse_commit(data: bytes) -> Commit:
    """Splits op 28: a commit as public message, and the welcome behind it.

    Raises:
        ValueError: this is something else.
    """
    reader = Reader(data)
    if reader.take(4) != PUBLIC_MESSAGE:
        raise ValueError("not a public message")
    reader.vector()  # group id
    epoch = reader.number(8)
    if reader.number(1) != 1:
        raise ValueError("a commit comes from a member")
    leaf = reader.number(4)
    reader.vector()  # authenticated data
    if reader.number(1) != COMMIT:
        raise ValueError("not a commit")
    references = _references(reader.vector())
    if reader.number(1):
        _skip_update_path(reader)
    for _ in ("signature", "confirmation tag", "membership tag"):
        reader.vector()
    return Commit(epoch, leaf, references, data[: reader.at], data[reader.at :])


def _references(proposals: bytes) -> list[bytes]:
    reader = Reader(proposals)
    found = []
    while reader.at < len(proposals):
        if reader.number(1) != BY_REFERENCE:
            raise ValueError("a proposal that is not the gateway's")
        found.append(reader.vector())
    return found


def _skip_update_path(reader: Reader) -> None:
    for _ in ("encryption key", "signature key"):
        reader.vector()
    if reader.number(2) != BASIC_CREDENTIAL:
        raise ValueError("not a basic credential")
    reader.vector()  # identity
    for _ in ("versions", "cipher suites", "extensions", "proposals", "credentials"):
        reader.vector()
    if reader.number(1) != COMMIT:  # leaf node source
        raise ValueError("not a leaf of a commit")
    for _ in ("parent hash", "extensions", "signature", "nodes"):
        reader.vector()
