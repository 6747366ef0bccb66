"""Who may do what: forty cases, and the vote."""

import pytest

from procs.bot_main.core.chat import Rights
from procs.bot_main.core.permissions import VOTE_MS, Level, Standing, Votes, level_of

pytestmark = pytest.mark.unit

HOST, TALKER, OTHER = 7, 8, 9

ANYONE, LISTENER = Level.ANYONE, Level.LISTENER
TALKS, HOSTS, ADMIN, OWNER = Level.TALKER, Level.HOST, Level.ADMIN, Level.OWNER

PEOPLE = {
    "member": Rights(),
    "other role": Rights(role_ids=frozenset({OTHER})),
    "talker role": Rights(role_ids=frozenset({TALKER})),
    "host role": Rights(role_ids=frozenset({HOST, OTHER})),
    "mover": Rights(moves_members=True),
    "admin": Rights(is_admin=True),
    "admin who moves": Rights(is_admin=True, moves_members=True),
    "owner": Rights(is_owner=True),
}

PLACES: dict[str, tuple[dict[str, object], tuple[Level, ...]]] = {
    "no settings": ({}, (TALKS, TALKS, TALKS, TALKS, HOSTS, ADMIN, ADMIN, OWNER)),
    "both roles": (
        {"host_role_id": HOST, "talker_role_id": TALKER},
        (ANYONE, ANYONE, TALKS, HOSTS, HOSTS, ADMIN, ADMIN, OWNER),
    ),
    "both roles, listening": (
        {"host_role_id": HOST, "talker_role_id": TALKER, "is_listening": True},
        (LISTENER, LISTENER, TALKS, HOSTS, HOSTS, ADMIN, ADMIN, OWNER),
    ),
    "starter": (
        {"talker_role_id": TALKER, "is_starter": True},
        (HOSTS, HOSTS, HOSTS, HOSTS, HOSTS, ADMIN, ADMIN, OWNER),
    ),
    "blocked": (
        {"is_blocked": True, "is_starter": True, "is_listening": True, "host_role_id": HOST},
        (ANYONE, ANYONE, ANYONE, ANYONE, ANYONE, ANYONE, ANYONE, OWNER),
    ),
}

CASES = [
    (place, person, level)
    for place, (_, levels) in PLACES.items()
    for person, level in zip(PEOPLE, levels, strict=True)
]


def test_there_are_forty():
    assert len(CASES) == 40


@pytest.mark.parametrize(("place", "person", "level"), CASES)
def test_level(place: str, person: str, level: Level):
    assert level_of(Standing(PEOPLE[person], **PLACES[place][0])) is level  # type: ignore[arg-type]


def test_a_vote_counts_once_for_a_while_and_as_long_as_its_voter_listens():
    votes = Votes()
    assert votes.cast(1, votes.voters, 5, 0) == (1, 3)
    assert votes.cast(1, votes.voters, 5, 10) == (1, 3)
    assert votes.cast(2, votes.voters, 5, 20) == (2, 3)
    assert votes.cast(3, {2}, 4, 30) == (2, 2)
    assert votes.cast(4, votes.voters, 4, 30 + VOTE_MS) == (1, 2)
    assert votes.cast(4, votes.voters, 0, 30 + VOTE_MS) == (1, 1)
