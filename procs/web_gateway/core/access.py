"""Who may connect: names, origins, tokens and the lock-out. Pure; times and random bytes come in.

A name list keeps other sites' names from reaching us by DNS rebinding, an origin list keeps their pages
from speaking to us with the user's cookie (RFC 6454, RFC 6455 section 10.2). Tokens are sealed with
HMAC-SHA256, so the command line can make a link that the gateway has never heard of.
"""

import base64
import hashlib
import hmac
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

LINK_MS = 5 * 60_000
"""How long a link can be used."""

COOKIE_MS = 12 * 3_600_000
"""How long a browser stays signed in."""

FAILURES = 10
"""Wrong credentials from one address within `WINDOW_MS` that lock it out."""

WINDOW_MS = 60_000

ADDRESSES = 4_096
"""Addresses whose failures are remembered; the one heard of longest ago goes."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_IPV6_NETWORK_BITS = 64
"""One household or server is given at least this much: its addresses count as one."""


@dataclass(frozen=True)
class Principal:
    """Who asks."""

    scope: str
    """`operator` (came by a link) or `client` (came by an API key or JWT); never named by the client."""
    id: str
    """Which one of them."""

    @property
    def owner(self) -> str:
        """One text for both, to be stored with what it owns."""
        return f"{self.scope}:{self.id}"


class Names:
    """The Host and Origin lists.

    Args:
        bind_host: address the gateway listens on.
        port: its port.
        hosts: further names, with or without port.
        origins: further origins, `scheme://host[:port]`.
    """

    def __init__(self, bind_host: str, port: int, hosts: Iterable[str], origins: Iterable[str]) -> None:
        own = [name for name in (*LOOPBACK, bind_host) if name not in ("", "0.0.0.0", "::")]
        bracketed = [f"[{name}]" if ":" in name and not name.startswith("[") else name for name in own]
        self._hosts = {f"{name}:{port}".lower() for name in bracketed}
        self._hosts |= {name.lower() for name in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def admits_host(self, host: str) -> bool:
        """Whether a Host header names us."""
        return host.lower() in self._hosts

    def admits_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page of this origin may speak to us, which came for `host`; None = no browser."""
        if origin is None:
            return True
        return origin.lower() == f"http://{host.lower()}" or origin.lower() in self._origins

    def is_https(self, host: str) -> bool:
        """Whether browsers reach us under this Host by https, which a proxy speaks: the origins name it."""
        return f"https://{host.lower()}" in self._origins


def sealed(secret: str, kind: str, *parts: str) -> str:
    """A text that only a holder of the secret can have made: `part.part.seal`."""
    body = ".".join(parts)
    sealed_bytes = f"{kind}:{body}".encode(errors="surrogatepass")  # headers may hold any bytes
    digest = hmac.new(secret.encode(), sealed_bytes, hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def opened(secret: str, kind: str, text: str) -> list[str] | None:
    """The parts of a sealed text; None if it is not one of ours."""
    body, _, _ = text.rpartition(".")
    wanted = sealed(secret, kind, body).encode(errors="surrogatepass")
    same = hmac.compare_digest(wanted, text.encode(errors="surrogatepass"))
    return body.split(".") if body and same else None


def link_token(secret: str, now_ms: int, nonce: str) -> str:
    """The token of a fresh link; wall ms; the nonce is random hexadecimal."""
    return sealed(secret, "link", str(now_ms), nonce)


class Links:
    """Which links have been used.

    A link made before the gateway started is refused, so that none is good for two uses over a restart.

    Args:
        secret: shared with the command line.
        start_ms: wall ms at which the gateway started.
    """

    def __init__(self, secret: str, start_ms: int) -> None:
        self._secret = secret
        self._start_ms = start_ms
        self._used: dict[str, int] = {}

    def redeem(self, token: str, now_ms: int) -> bool:
        """Use a link; True the first time within its life."""
        parts = opened(self._secret, "link", token)
        if parts is None or len(parts) != 2 or not parts[0].isdigit():
            return False
        issued_ms, nonce = int(parts[0]), parts[1]
        self._used = {used: ms for used, ms in self._used.items() if now_ms - ms < LINK_MS}
        is_fresh = self._start_ms <= issued_ms and 0 <= now_ms - issued_ms < LINK_MS
        if not is_fresh or nonce in self._used:
            return False
        self._used[nonce] = issued_ms
        return True


def cookie_value(secret: str, name: str, now_ms: int) -> str:
    """The value of a fresh cookie for the browser `name` (random hexadecimal); wall ms."""
    return sealed(secret, "cookie", name, str(now_ms + COOKIE_MS))


def cookie_name(secret: str, value: str, now_ms: int) -> str:
    """The browser a cookie names; empty if it is not ours or over."""
    parts = opened(secret, "cookie", value)
    if parts is None or len(parts) != 2 or now_ms >= int(parts[1]):
        return ""
    return parts[0]


class Lockout:
    """Failures by address."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def failed(self, address: str, now_ms: int) -> None:
        """A wrong credential came; monotonic ms."""
        times = self._failures.setdefault(network(address), deque(maxlen=FAILURES))
        self._failures.move_to_end(network(address))
        times.append(now_ms)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def seconds_left(self, address: str, now_ms: int) -> int:
        """How long an address is locked out from now; 0 = it is not."""
        times = self._failures.get(network(address))
        if times is None or len(times) < FAILURES:
            return 0
        return max(0, -(-(times[0] + WINDOW_MS - now_ms) // 1000))


def network(address: str) -> str:
    """What counts as one address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else f"{int(found) >> (128 - _IPV6_NETWORK_BITS):x}::/64"
