"""What the bots did, in order: what a test looks at. Bounded, newest kept."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.discord.world.model import Interaction, Message, Pings

KEPT = 20_000
"""Entries of each list; a test that makes more than this counts instead."""


class Call(NamedTuple):
    """One request to the HTTP API."""

    at_ns: int
    method: str
    route: str
    """The route's template, `/channels/{channel}/messages`."""
    status: int
    """0 = given no answer."""


class Ping(NamedTuple):
    """A notification that people got from a bot or its webhooks."""

    message: Message
    pings: Pings


class Wish(NamedTuple):
    """OP 4: where a bot wants to be in voice."""

    at_ns: int
    guild_id: int
    channel_id: int | None
    outcome: str
    """joined, moved, left, same; or why it was not answered: full, no permission, swallowed, ..."""


def _list() -> Any:
    return deque(maxlen=KEPT)


@dataclass
class Journal:
    """Everything bots did since the start."""

    calls: deque[Call] = field(default_factory=_list)
    sent: deque[Message] = field(default_factory=_list)
    """Messages by bots and their webhooks, also those deleted since."""
    edits: deque[Message] = field(default_factory=_list)
    pings: deque[Ping] = field(default_factory=_list)
    implicit_mentions: deque[Message] = field(default_factory=_list)
    """Messages and edits whose request did not say who may be notified."""
    reactions: deque[tuple[Message, str]] = field(default_factory=_list)
    typing: deque[int] = field(default_factory=_list)
    """Channel ids."""
    presences: deque[dict[str, Any]] = field(default_factory=_list)
    wishes: deque[Wish] = field(default_factory=_list)
    interactions: deque[Interaction] = field(default_factory=_list)
    unknown_routes: deque[str] = field(default_factory=_list)
    """Requests this Discord has no route for: a gap here, or a mistake there."""
    identifies: int = 0
    resumes: int = 0
    gateway_closes: deque[int] = field(default_factory=_list)
    """Close codes of lost gateway connections, whoever closed."""
    voice_closes: deque[int] = field(default_factory=_list)
    refusals: Counter[int] = field(default_factory=Counter)
    """HTTP statuses from 400 up; 401, 403 and 429 count towards Discord's ban of an address."""
