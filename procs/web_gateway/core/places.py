"""Which connections may stand: so many of one network, so many in all. Pure.

Where no place is left, the connection that has rested for longest makes room for a new one: silent
connections shut nobody out. A server may close an idle connection at any time (RFC 9112 section 9.5).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass
class Place:
    """One connection."""

    network: str
    """What counts as one address (`core.access.network`)."""
    n_answering: int = 0
    """Requests that are being answered on it; 0 = it rests."""


class Full(Exception):
    """Every place is taken, and in use."""


def makes_room(held: Mapping[K, Place], newcomer: str, per_network: int, total: int) -> K | None:
    """Which connection must go before another one may come; None while there is room.

    Args:
        held: all connections, the one that rests for longest first.
        newcomer: network of the new one.
        per_network, total: so many at once.

    Raises:
        Full: every place is in use.
    """
    rivals = {key: place for key, place in held.items() if place.network == newcomer}
    if len(rivals) < per_network:
        rivals = dict(held)
        if len(rivals) < total:
            return None
    for key, place in rivals.items():
        if not place.n_answering:
            return key
    raise Full
