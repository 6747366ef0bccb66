"""Which events a session gets by its intents, and what is left out of messages it may not read."""

from tests.discord.world.model import Json, Message, User

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_VOICE_STATES = 1 << 7
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
GUILD_MESSAGE_REACTIONS = 1 << 10
GUILD_MESSAGE_TYPING = 1 << 11
DIRECT_MESSAGES = 1 << 12
DIRECT_MESSAGE_REACTIONS = 1 << 13
DIRECT_MESSAGE_TYPING = 1 << 14
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
ALL = (1 << 22) - 1 | 1 << 24 | 1 << 25

_MESSAGES = (GUILD_MESSAGES, DIRECT_MESSAGES)
_REACTIONS = (GUILD_MESSAGE_REACTIONS, DIRECT_MESSAGE_REACTIONS)
NEEDED: dict[str, tuple[int, int]] = {
    "GUILD_CREATE": (GUILDS, 0),
    "GUILD_DELETE": (GUILDS, 0),
    "GUILD_ROLE_CREATE": (GUILDS, 0),
    "GUILD_ROLE_UPDATE": (GUILDS, 0),
    "CHANNEL_CREATE": (GUILDS, 0),
    "CHANNEL_UPDATE": (GUILDS, 0),
    "CHANNEL_DELETE": (GUILDS, 0),
    "VOICE_CHANNEL_STATUS_UPDATE": (GUILDS, 0),
    "GUILD_MEMBER_ADD": (GUILD_MEMBERS, 0),
    "GUILD_MEMBER_REMOVE": (GUILD_MEMBERS, 0),
    "GUILD_MEMBER_UPDATE": (GUILD_MEMBERS, 0),
    "VOICE_STATE_UPDATE": (GUILD_VOICE_STATES, 0),
    "PRESENCE_UPDATE": (GUILD_PRESENCES, 0),
    "MESSAGE_CREATE": _MESSAGES,
    "MESSAGE_UPDATE": _MESSAGES,
    "MESSAGE_DELETE": _MESSAGES,
    "MESSAGE_DELETE_BULK": _MESSAGES,
    "MESSAGE_REACTION_ADD": _REACTIONS,
    "MESSAGE_REACTION_REMOVE": _REACTIONS,
    "MESSAGE_REACTION_REMOVE_ALL": _REACTIONS,
    "TYPING_START": (GUILD_MESSAGE_TYPING, DIRECT_MESSAGE_TYPING),
}
"""Event: intent in guilds, intent in direct conversations. Events not named here need none."""
HIDDEN = {"content": "", "embeds": [], "attachments": [], "components": []}
"""What an application without the message content intent sees of other people's messages."""


def wants(intents: int, event: str, *, in_dm: bool) -> bool:
    """Whether a session with these intents gets the event."""
    needed = NEEDED.get(event)
    return needed is None or bool(intents & needed[in_dm])


def may_read(message: Message, viewer: User, granted: int) -> bool:
    """Content needs the intent; not so direct messages, own ones and those that mention oneself."""
    return (
        bool(granted & MESSAGE_CONTENT)
        or message.channel.guild is None
        or message.author is viewer
        or viewer.id in message.pings.users
        or f"<@{viewer.id}>" in message.content
    )


def redacted(data: Json, message: Message, viewer: User, granted: int) -> Json:
    """The message's JSON as this viewer may see it; the message it replies to as well."""
    seen = data if may_read(message, viewer, granted) else data | HIDDEN
    replied = message.reply_to
    if seen.get("referenced_message") and replied and not may_read(replied, viewer, granted):
        seen = seen | {"referenced_message": seen["referenced_message"] | HIDDEN}
    return seen
