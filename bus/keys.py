"""CURVE keys of the stack and who may connect where. Keys guard every socket, loopback too.

One file holds a key pair per role. It is made once, at the first start, with mode 0600; all processes of
the stack run as one user and read it. Whoever can read it belongs to the stack. Source: ZeroMQ RFC 26
(CurveZMQ) and RFC 27 (ZAP).
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import zmq
import zmq.utils.z85

from bus.errors import BadSettings
from bus.topics import NODES, PEOPLE, TOPICS, Pattern

ROLES = (*NODES, *PEOPLE)


class KeyRing:
    """Key pairs of all roles.

    Args:
        pairs: role → (public, secret), each Z85 text of 40 bytes.
    """

    def __init__(self, pairs: dict[str, tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        self._roles = {public: role for role, (public, _) in pairs.items()}

    @classmethod
    def load(cls, state_path: Path) -> "KeyRing":
        """Read the stack's keys; make them if there are none yet.

        Raises:
            BadSettings: the file is readable by others, damaged, or can't be made.
        """
        file = state_path / "keys.json"
        try:
            if not file.exists():
                _create(file)
            if file.stat().st_mode & 0o077:
                raise BadSettings(f"others may read {file}: chmod 600 {file}")
            pairs = json.loads(file.read_text())
            known = {r: (pair[0].encode(), pair[1].encode()) for r, pair in pairs.items()}
            return cls({r: known.get(r) or _derived(r, known["bot_main"][1]) for r in ROLES})
        except OSError as error:
            raise BadSettings(f"{file}: {error.strerror}. Correct state_dir or its permissions.") from None
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise BadSettings(f"{file} is damaged or older: remove it, new keys are made.") from None

    @classmethod
    def generate(cls) -> "KeyRing":
        """Fresh keys for every role, in memory."""
        return cls({role: zmq.curve_keypair() for role in ROLES})

    def pair(self, role: str) -> tuple[bytes, bytes]:
        """(public, secret) of a role."""
        return self._pairs[role]

    def public(self, role: str) -> bytes:
        """Public key of a role."""
        return self._pairs[role][0]

    def role_of(self, public: bytes) -> str | None:
        """Role that holds a public key, None if nobody of ours."""
        return self._roles.get(public)

    def token(self, name: str) -> str:
        """A stable secret text derived from a role's secret key (an API key between our processes)."""
        return hashlib.blake2b(b"token:" + self._pairs[name][1], digest_size=24).hexdigest()


def admitted(domain: str) -> frozenset[str]:
    """Roles that may connect: a flow's reader, a request's writers, any of ours to a publisher."""
    row = TOPICS.get(domain)
    if row is None:
        return frozenset(ROLES)
    return frozenset(row.writers if row.pattern is Pattern.REQUEST else row.readers)


def _derived(role: str, secret: bytes) -> tuple[bytes, bytes]:
    """The pair of a role that came after the file was made: every process derives the same one."""
    digest = hashlib.blake2b(b"role:" + role.encode(), key=secret, digest_size=32).digest()
    own: bytes = zmq.utils.z85.encode(digest)
    return zmq.curve_public(own), own


def _create(file: Path) -> None:
    """Write a complete file under its name at once; of several starters one wins and all use its keys."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pairs = {r: [key.decode() for key in zmq.curve_keypair()] for r in ROLES}
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".keys-", delete=False) as fresh:
        json.dump(pairs, fresh)
        fresh.flush()
        os.fsync(fresh.fileno())
    try:
        os.link(fresh.name, file)
    except FileExistsError:
        pass
    finally:
        os.unlink(fresh.name)
