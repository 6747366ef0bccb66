"""The tables of this world, and how to find something in them.

Ids that nobody has given are refused here with Discord's own "Unknown ..." errors.
"""

from collections.abc import Iterator
from typing import TypeVar

from tests.discord.world.errors import Refused
from tests.discord.world.model import (
    Application,
    Attachment,
    Channel,
    Guild,
    Interaction,
    Kind,
    Member,
    Message,
    Role,
    User,
    Webhook,
)
from tests.discord.world.payloads import iso
from tests.discord.world.permissions import EVERYONE
from tests.discord.world.snowflakes import created_ms, new_id

T = TypeVar("T")


class World:
    """All there is."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.applications: dict[int, Application] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.interactions: dict[int, Interaction] = {}
        self.attachments: dict[int, Attachment] = {}

    def add_user(self, name: str, *, is_bot: bool = False) -> User:
        """A new person or bot, in no guild yet."""
        user = User(new_id(), name, is_bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner: User) -> Guild:
        """A new guild with its everyone role and its owner in it."""
        guild = Guild(new_id(), name, owner)
        guild.roles[guild.id] = Role(guild.id, "@everyone", int(EVERYONE))
        self.guilds[guild.id] = guild
        self.add_member(guild, owner)
        return guild

    def add_member(self, guild: Guild, user: User) -> Member:
        """Lets a user into a guild."""
        member = guild.members[user.id] = Member(user, iso(created_ms(new_id())))
        return member

    def add_channel(self, guild: Guild, name: str, kind: Kind, *, user_limit: int = 0) -> Channel:
        """A new channel at the end of the guild's list."""
        channel = Channel(new_id(), kind, name, guild, len(guild.channels), user_limit=user_limit)
        guild.channels[channel.id] = self.channels[channel.id] = channel
        return channel

    def remove_channel(self, channel: Channel) -> None:
        """Takes a channel of a guild out of the world."""
        assert channel.guild is not None
        del channel.guild.channels[channel.id], self.channels[channel.id]

    def dm(self, one: User, other: User) -> Channel:
        """Their direct conversation; made when it is first needed."""
        for channel in self.channels.values():
            if channel.kind is Kind.DM and {one, other} == set(channel.recipients):
                return channel
        channel = Channel(new_id(), Kind.DM, "", recipients=[one, other])
        self.channels[channel.id] = channel
        return channel

    def channel(self, id_: int | str) -> Channel:
        """Raises: Refused 10003."""
        return _found(self.channels, id_, 10003)

    def guild(self, id_: int | str) -> Guild:
        """Raises: Refused 10004."""
        return _found(self.guilds, id_, 10004)

    def user(self, id_: int | str) -> User:
        """Raises: Refused 10013."""
        return _found(self.users, id_, 10013)

    def member(self, guild: Guild, id_: int | str) -> Member:
        """Raises: Refused 10007."""
        return _found(guild.members, id_, 10007)

    def message(self, channel: Channel, id_: int | str) -> Message:
        """Raises: Refused 10008."""
        return _found(channel.messages, id_, 10008)

    def application_of(self, bot: User) -> Application:
        """The registration of a bot."""
        return next(application for application in self.applications.values() if application.bot is bot)

    def guilds_of(self, user: User) -> Iterator[Guild]:
        """Those the user is a member of."""
        return (guild for guild in self.guilds.values() if user.id in guild.members)


def _found(table: dict[int, T], id_: int | str, code: int) -> T:
    found = table.get(int(id_)) if str(id_).isdigit() else None
    if found is None:
        raise Refused(code)
    return found
