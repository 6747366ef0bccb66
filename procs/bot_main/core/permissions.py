"""Who may do what: a level for each person, and the vote. Pure.

Order of judgement: who is blocked may only look (a no beats every yes but the operator's), then owner,
administrator, host, talker, listener.
"""

from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum

from procs.bot_main.core.chat import Rights

VOTE_MS = 120_000
"""A vote counts for so long."""


class Level(IntEnum):
    """What a person may do; each level may do all that those below it may."""

    ANYONE = 0
    """Look."""
    LISTENER = 1
    """In her voice channel: stop her, vote."""
    TALKER = 2
    """Members, or those of the talker role: prompts, questions, calling her."""
    HOST = 3
    """Who called her, host role, Move Members: end the session."""
    ADMIN = 4
    """Manage Server: settings."""
    OWNER = 5
    """The bot's own."""

    @property
    def title(self) -> str:
        """For people."""
        return _TITLES[self]


_TITLES = {
    Level.ANYONE: "anyone",
    Level.LISTENER: "listeners",
    Level.TALKER: "talkers",
    Level.HOST: "hosts",
    Level.ADMIN: "administrators",
    Level.OWNER: "the bot's owner",
}


@dataclass(frozen=True)
class Standing:
    """All that a person's level rests on."""

    rights: Rights
    is_blocked: bool = False
    """Whether the server's settings shut them out."""
    is_starter: bool = False
    """Whether they called her into the running session."""
    is_listening: bool = False
    """Whether they are in her voice channel."""
    host_role_id: int = 0
    """0 = none is set."""
    talker_role_id: int = 0
    """0 = every member talks."""


def level_of(standing: Standing) -> Level:
    """A person's level."""
    rights = standing.rights
    if rights.is_owner:
        return Level.OWNER
    if standing.is_blocked:
        return Level.ANYONE
    if rights.is_admin:
        return Level.ADMIN
    is_host = bool(standing.host_role_id) and standing.host_role_id in rights.role_ids
    if is_host or rights.moves_members or standing.is_starter:
        return Level.HOST
    if not standing.talker_role_id or standing.talker_role_id in rights.role_ids:
        return Level.TALKER
    return Level.LISTENER if standing.is_listening else Level.ANYONE


class Votes:
    """Votes of listeners to end one session."""

    def __init__(self) -> None:
        self._cast: dict[int, int] = {}

    def cast(self, person: int, listeners: Set[int], n_listeners: int, now_ms: int) -> tuple[int, int]:
        """Somebody who listens votes.

        Args:
            listeners: those of the voters so far who still listen; a vote goes with its voter.

        Returns:
            Votes, and how many are needed: half of those who listen.
        """
        self._cast = {
            who: at_ms for who, at_ms in self._cast.items() if who in listeners and now_ms - at_ms < VOTE_MS
        }
        self._cast[person] = now_ms
        return len(self._cast), max(1, -(-n_listeners // 2))

    @property
    def voters(self) -> frozenset[int]:
        """Everybody who has voted lately."""
        return frozenset(self._cast)
