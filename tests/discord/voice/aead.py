"""Transport encryption of voice packets: the two modes Discord has left.

The nonce's first four bytes travel at the packet's end, the rest of it is zero.
"""

from typing import Protocol

import nacl.bindings
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import CryptoError

KEY_BYTES = 32
NONCE_BYTES = 4


class Forged(Exception):
    """The packet is not encrypted with this key, or has been changed."""


class Cipher(Protocol):
    """One mode with its key."""

    def open(self, header: bytes, rest: bytes) -> bytes:
        """The plain payload. Raises: Forged."""
        ...

    def seal(self, header: bytes, plain: bytes, counter: int) -> bytes:
        """The whole packet."""
        ...


class XChaCha:
    """aead_xchacha20_poly1305_rtpsize."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(self, header: bytes, rest: bytes) -> bytes:
        """The plain payload. Raises: Forged."""
        sealed, nonce = rest[:-NONCE_BYTES], rest[-NONCE_BYTES:].ljust(24, b"\0")
        try:
            return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, header, nonce, self._key)
        except (CryptoError, ValueError):
            raise Forged from None

    def seal(self, header: bytes, plain: bytes, counter: int) -> bytes:
        """The whole packet."""
        nonce = counter.to_bytes(NONCE_BYTES)
        sealed = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plain, header, nonce.ljust(24, b"\0"), self._key
        )
        return header + sealed + nonce


class AesGcm:
    """aead_aes256_gcm_rtpsize."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def open(self, header: bytes, rest: bytes) -> bytes:
        """The plain payload. Raises: Forged."""
        sealed, nonce = rest[:-NONCE_BYTES], rest[-NONCE_BYTES:].ljust(12, b"\0")
        try:
            return self._cipher.decrypt(nonce, sealed, header)
        except (InvalidTag, ValueError):
            raise Forged from None

    def seal(self, header: bytes, plain: bytes, counter: int) -> bytes:
        """The whole packet."""
        nonce = counter.to_bytes(NONCE_BYTES)
        return header + self._cipher.encrypt(nonce.ljust(12, b"\0"), plain, header) + nonce


MODES: dict[str, type[XChaCha] | type[AesGcm]] = {
    "aead_aes256_gcm_rtpsize": AesGcm,
    "aead_xchacha20_poly1305_rtpsize": XChaCha,
}
