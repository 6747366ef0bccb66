"""Port ranges for tests that run side by side: each stack gets a base of its own."""

import itertools
import os
import socket
from collections import deque

from bus.topics import PORT_SPAN

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = 20_000 + 6_000 * (_WORKER % 2)
"""Below the kernel's ephemeral range, so that no outgoing connection takes one of them."""
_bases = itertools.count(_FIRST + (os.getpid() % 50) * PORT_SPAN, PORT_SPAN)
_CLAIMS = 40
"""Kept at once: the oldest ports are long in use, or done with."""
_claims: deque[socket.socket] = deque()
"""What keeps other runs of the tests away until the ports are bound."""


def free_base_port() -> int:
    """First of `PORT_SPAN` ports that nobody uses now, nor is about to."""
    while True:
        base = _FIRST + (next(_bases) - _FIRST) % 5_960
        if is_ours(base):
            return base


def is_ours(base: int) -> bool:
    """Whether nobody uses these `PORT_SPAN` ports, nor is about to; then they are claimed."""
    return all(_is_free(base + offset) for offset in range(PORT_SPAN)) and _is_claimed(base)


def _is_claimed(base: int) -> bool:
    """Claim it, by a name in the kernel that ends with this process."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0miku-test-ports-{base}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    if len(_claims) > _CLAIMS:
        _claims.popleft().close()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
