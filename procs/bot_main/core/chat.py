"""What happens in a chat, and what Miku posts there, in words of our own. Pure.

Discord is the only chat so far; nothing here names its library. Ids are Discord's snowflakes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

DM = 0
"""Guild id of a direct message."""


@dataclass(frozen=True)
class Rights:
    """What Discord lets a person do in a guild, as far as levels of permission rest on it."""

    is_owner: bool = False
    """Owner of the bot's application."""
    is_admin: bool = False
    """Manage Server."""
    moves_members: bool = False
    """Move Members."""
    role_ids: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Person:
    """Somebody who writes or clicks."""

    id: int
    name: str
    """As the guild shows it."""
    rights: Rights = Rights()


@dataclass(frozen=True)
class Attachment:
    """A file of a message."""

    id: int
    name: str
    url: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True)
class Incoming:
    """A message of a person. Bots, webhooks and Miku herself never get this far."""

    id: int
    guild_id: int
    channel_id: int
    author: Person
    text: str
    """With mentions as names, and without the mention of Miku that began it; `""` where Discord hides it."""
    written_ms: int
    """Wall ms, from its id."""
    is_addressed: bool = False
    """A direct message, a mention of Miku, or a reply to her."""
    reply_to_id: int = 0
    reply_to_text: str = ""
    """What it replies to, where that is known."""
    attachments: tuple[Attachment, ...] = ()
    source: str = ""
    """The text with mentions as Discord's marks, for commands that name a channel; empty = as `text`."""


@dataclass(frozen=True)
class Edited:
    """A message has new words."""

    message: Incoming


@dataclass(frozen=True)
class Deleted:
    """Messages are gone."""

    channel_id: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True)
class Invoked:
    """A command by slash or button; it is acknowledged already, and answered by `ChatBackend.answer`."""

    id: int
    command: str
    """Name in the table of commands, like `join`."""
    arguments: Mapping[str, str]
    guild_id: int
    channel_id: int
    person: Person


@dataclass(frozen=True)
class Online:
    """The gateway session is new: everything Discord told before is void."""

    user_id: int
    name: str
    guild_ids: tuple[int, ...]
    code: str = ""
    """Error code of what is missing (`discord_intent_missing`), else empty."""
    invite_url: str = ""


@dataclass(frozen=True)
class Offline:
    """The gateway is away, or was never reached."""

    code: str
    """Error code."""
    is_final: bool = False
    """Whether trying again is pointless until somebody mends it (a wrong token)."""


@dataclass(frozen=True)
class VoicePair:
    """Discord's newest word on Miku's voice in a guild: state and server, as far as they have come."""

    guild_id: int
    user_id: int
    channel_id: int
    """0 = she is in no channel."""
    voice_session_id: str = ""
    endpoint: str = ""
    token: str = field(default="", repr=False)
    is_muted: bool = False
    """By a moderator, in the whole guild."""
    is_suppressed: bool = False
    """She may not speak in this channel: on a stage without an invitation, elsewhere without Speak."""


@dataclass(frozen=True)
class VoiceRoomChanged:
    """Who is in a guild's voice channels, or the channels themselves, have changed."""

    guild_id: int


@dataclass(frozen=True)
class GuildGone:
    """A guild is unavailable (an outage) or Miku was removed from it."""

    guild_id: int


ChatEvent = (
    Incoming | Edited | Deleted | Invoked | Online | Offline | VoicePair | VoiceRoomChanged | GuildGone
)


@dataclass(frozen=True)
class VoiceRoom:
    """A voice channel as Miku sees it."""

    id: int
    name: str
    is_stage: bool
    missing: tuple[str, ...]
    """Permissions without which she can't join and speak there, as Discord's settings name them."""
    user_limit: int
    """0 = none."""
    n_people: int
    """Everybody in it but Miku."""
    n_listeners: int
    """People in it who are no bots."""
    may_exceed_limit: bool = False
    """Move Members."""


@dataclass(frozen=True)
class Names:
    """What the places and roles of a guild are called: id → name."""

    writable: Mapping[int, str] = field(default_factory=dict)
    """Places with text in which she may write."""
    voice: Mapping[int, str] = field(default_factory=dict)
    """Voice channels that she can see."""
    roles: Mapping[int, str] = field(default_factory=dict)
    """Without the one that everybody has."""


@dataclass(frozen=True)
class Button:
    """A button below a post; a click on it is `Invoked`."""

    label: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    is_danger: bool = False


@dataclass(frozen=True)
class File:
    """A file to post."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Post:
    """What Miku writes. Nobody is ever pinged by it but those in `pings`; links unfold only where told."""

    text: str
    """Of any length: the backend divides it at 2,000 characters, code fences closed."""
    reply_to: int = 0
    """Message id; its author is pinged only if in `pings`."""
    pings: tuple[int, ...] = ()
    """User ids."""
    nonce: str = ""
    """Up to 20 characters: two posts with the same nonce within minutes become one."""
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()
    is_hidden: bool = False
    """Answers to `Invoked` only: seen by who asked alone."""
    unfolds_links: bool = False
    """Whether Discord shows what its links lead to: only of words that an administrator has written."""


@dataclass(frozen=True)
class Mask:
    """Another name and face, for webhooks."""

    name: str
    avatar_url: str = ""
