"""What Miku must be allowed in a guild, and what for; the invitation asks for exactly this.

Bits: Discord's "Permissions". The documents' table is made from this one.
"""

from dataclasses import dataclass

SCOPES = ("bot", "applications.commands")
"""Of the invitation: the bot itself, and its slash commands."""


@dataclass(frozen=True)
class Permission:
    """One permission."""

    name: str
    """As Discord's settings show it."""
    bit: int
    reason: str
    """What she does with it."""


PERMISSIONS = (
    Permission("View Channels", 10, "see the channels she is to read, write and speak in"),
    Permission("Send Messages", 11, "answer"),
    Permission("Send Messages in Threads", 38, "answer in threads"),
    Permission("Embed Links", 14, "show what the links of scheduled posts lead to"),
    Permission("Attach Files", 15, "post pictures and long lists as files"),
    Permission("Add Reactions", 6, "mark a message as heard"),
    Permission("Read Message History", 16, "reply to messages, and catch up with those written meanwhile"),
    Permission("Connect", 20, "come into voice channels"),
    Permission("Speak", 21, "speak there"),
    Permission("Use Voice Activity", 25, "speak without push-to-talk"),
    Permission("Manage Webhooks", 29, "write as Evil Miku: a webhook of her own per channel"),
    Permission("Change Nickname", 26, "carry another name as Evil Miku"),
)
"""Least permissions; never Administrator."""
JOINING = ("View Channels", "Connect", "Speak")
"""Without these she can't be heard in a voice channel."""
BITS = sum(1 << permission.bit for permission in PERMISSIONS)


def missing_to_join(granted: int) -> tuple[str, ...]:
    """Names of what lacks to be heard in a voice channel.

    Args:
        granted: Discord's bits of what she has there.
    """
    return tuple(one.name for one in PERMISSIONS if one.name in JOINING and not granted >> one.bit & 1)
