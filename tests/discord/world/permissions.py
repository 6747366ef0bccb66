"""Permission bits, and what a member may in a channel: owner, roles, overwrites, in this order."""

from enum import IntFlag

from tests.discord.world.model import Channel, Guild, Kind, Overwrite, User


class Permission(IntFlag):
    """The bits used here."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    MOVE_MEMBERS = 1 << 24
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    REQUEST_TO_SPEAK = 1 << 32
    SET_VOICE_CHANNEL_STATUS = 1 << 48


ALL = (1 << 53) - 1
EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.SPEAK
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.REQUEST_TO_SPEAK
)
"""What a new guild gives to everybody."""


def in_guild(user: User, guild: Guild) -> int:
    """Permissions by ownership and roles alone."""
    if user is guild.owner:
        return ALL
    member = guild.members.get(user.id)
    if member is None:
        return 0
    bits = guild.roles[guild.id].permissions
    for role_id in member.role_ids:
        bits |= guild.roles[role_id].permissions
    return ALL if bits & Permission.ADMINISTRATOR else bits


def in_channel(user: User, channel: Channel) -> int:
    """Permissions in one channel; in a direct conversation its two members may do what text needs."""
    if channel.kind is Kind.DM:
        return int(EVERYONE) if user in channel.recipients else 0
    guild = channel.guild
    assert guild is not None
    base = in_guild(user, guild)
    if base == ALL or user.id not in guild.members:
        return base
    bits = base
    for overwrite in _in_order(channel, guild, user):
        bits = bits & ~overwrite.deny | overwrite.allow
    return bits if bits & Permission.VIEW_CHANNEL else 0


def _in_order(channel: Channel, guild: Guild, user: User) -> list[Overwrite]:
    """Everyone's overwrite, then all roles' as one, then the member's."""
    of_roles = [
        channel.overwrites[role] for role in guild.members[user.id].role_ids if role in channel.overwrites
    ]
    together = Overwrite(0, 0)
    for overwrite in of_roles:
        together.allow |= overwrite.allow
        together.deny |= overwrite.deny
    found = [channel.overwrites.get(guild.id), together, channel.overwrites.get(user.id)]
    return [overwrite for overwrite in found if overwrite]


def may(user: User, channel: Channel, wanted: int) -> bool:
    """Whether the user has all of the wanted bits in the channel."""
    return in_channel(user, channel) & wanted == wanted
