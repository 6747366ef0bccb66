"""Who a message notifies."""

import pytest

from tests.discord.world.errors import Refused
from tests.discord.world.mentions import pings
from tests.discord.world.model import Channel, Json, Kind, Pings, Role, User
from tests.discord.world.permissions import ALL
from tests.discord.world.world import World

pytestmark = pytest.mark.unit


class Scene:
    """A guild with an owner, Ann, a bot, and a role."""

    def __init__(self) -> None:
        world = World()
        self.owner, self.ann = world.add_user("Owner"), world.add_user("Ann")
        self.bot = world.add_user("Miku", is_bot=True)
        self.guild = world.add_guild("Home", self.owner)
        for user in (self.ann, self.bot):
            world.add_member(self.guild, user)
        self.role = self.guild.roles[77] = Role(77, "team", 0, mentionable=True)
        self.channel: Channel = world.add_channel(self.guild, "general", Kind.TEXT)

    def of(
        self, text: str, allowed: Json | None = None, author: User | None = None, to: User | None = None
    ) -> Pings:
        return pings(text, author or self.bot, self.channel, allowed, to)


def test_without_any_say_all_mentions_count() -> None:
    scene = Scene()
    assert scene.of(f"<@{scene.ann.id}> <@!{scene.owner.id}> <@&77>", to=scene.ann) == Pings(
        False, (scene.ann.id, scene.owner.id), (77,)
    )


def test_everyone_needs_the_permission() -> None:
    scene = Scene()
    assert not scene.of("@everyone @here")
    assert scene.of("@everyone", author=scene.owner).everyone
    scene.guild.roles[scene.guild.id].permissions = ALL
    assert scene.of("@here").everyone


def test_a_role_that_is_not_mentionable_needs_the_permission() -> None:
    scene = Scene()
    scene.role.mentionable = False
    assert not scene.of("<@&77>")
    assert scene.of("<@&77>", author=scene.owner).roles == (77,)


def test_an_empty_list_allows_nobody_not_even_the_one_replied_to() -> None:
    scene = Scene()
    assert not scene.of(f"<@{scene.ann.id}> <@&77> @everyone", {"parse": []}, to=scene.ann)
    assert scene.of("hi", {"parse": [], "replied_user": True}, to=scene.ann).users == (scene.ann.id,)


def test_only_the_listed_are_notified() -> None:
    scene = Scene()
    text = f"<@{scene.ann.id}> <@{scene.owner.id}>"
    assert scene.of(text, {"parse": [], "users": [str(scene.ann.id)]}).users == (scene.ann.id,)


def test_a_kind_both_parsed_and_listed_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        Scene().of("hi", {"parse": ["users"], "users": ["1"]})
    assert refused.value.code == 50035


def test_nobody_is_notified_from_inside_of_code_or_from_outside_of_the_guild() -> None:
    scene = Scene()
    assert not scene.of(f"`<@{scene.ann.id}>` ```\n<@&77>\n``` <@123>")
