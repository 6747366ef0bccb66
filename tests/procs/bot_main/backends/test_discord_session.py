"""Who owns her: the application's team, as Discord describes it."""

from types import SimpleNamespace
from typing import Any

import discord
import pytest

from procs.bot_main.backends.discord_session import members_in_charge

pytestmark = pytest.mark.unit

INVITED, ACCEPTED = 1, 2


def member(user_id: int, role: str, membership_state: int) -> dict[str, Any]:
    """An entry of a team's `members`."""
    user = {"id": str(user_id), "username": f"u{user_id}", "discriminator": "0", "avatar": None}
    return {"user": user, "role": role, "membership_state": membership_state, "team_id": "1"}


def test_only_those_of_the_team_who_may_change_the_application_own_her() -> None:
    members = [
        member(1, "admin", ACCEPTED),
        member(2, "developer", ACCEPTED),
        member(3, "read_only", ACCEPTED),
        member(4, "admin", INVITED),
    ]
    data: Any = {"id": "1", "name": "Home", "icon": None, "owner_user_id": "5", "members": members}
    team = discord.Team(SimpleNamespace(), data)  # type: ignore[arg-type]
    assert members_in_charge(team) == {1, 2, 5}
