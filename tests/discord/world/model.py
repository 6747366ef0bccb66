"""The things of this world. Plain data; the rules are next door."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Json = dict[str, Any]
EPHEMERAL = 1 << 6
"""The message flag for "only you can see this"."""


class Kind(IntEnum):
    """Kinds of channels (their numbers on the wire)."""

    TEXT = 0
    DM = 1
    VOICE = 2
    STAGE = 13

    @property
    def is_vocal(self) -> bool:
        """Whether one can be connected to it."""
        return self in (Kind.VOICE, Kind.STAGE)


@dataclass(eq=False)
class User:
    """A person or a bot, the same in all guilds."""

    id: int
    name: str
    is_bot: bool = False
    avatar: str | None = None
    takes_dms: bool = True


@dataclass(eq=False)
class Role:
    """A named set of permissions."""

    id: int
    name: str
    permissions: int
    position: int = 0
    mentionable: bool = False


@dataclass(eq=False)
class Overwrite:
    """A channel's own say about one role (kind 0) or one member (kind 1)."""

    id: int
    kind: int
    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Member:
    """A user in one guild."""

    user: User
    joined_at: str
    nick: str | None = None
    role_ids: list[int] = field(default_factory=list)


@dataclass(eq=False)
class VoiceState:
    """That a user is in a voice channel, and how."""

    user: User
    channel: "Channel"
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    mute: bool = False
    deaf: bool = False
    suppress: bool = False


@dataclass(eq=False)
class Channel:
    """A place for text, for voice, or a direct conversation (then with `recipients` and without a guild)."""

    id: int
    kind: Kind
    name: str
    guild: "Guild | None" = field(default=None, repr=False)
    position: int = 0
    topic: str | None = None
    bitrate: int = 64_000
    user_limit: int = 0
    status: str | None = None
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict, repr=False)
    messages: dict[int, "Message"] = field(default_factory=dict, repr=False)


@dataclass(eq=False)
class Guild:
    """A server, as its members call it."""

    id: int
    name: str
    owner: User
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    channels: dict[int, Channel] = field(default_factory=dict, repr=False)
    voice_states: dict[int, VoiceState] = field(default_factory=dict, repr=False)
    available: bool = True


@dataclass(frozen=True)
class Pings:
    """Who a message notifies: everybody, users by id, roles by id."""

    everyone: bool = False
    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.everyone or bool(self.users) or bool(self.roles)


@dataclass(eq=False)
class Attachment:
    """A file of a message; its bytes are served by the CDN route."""

    id: int
    filename: str
    content_type: str
    content: bytes
    description: str | None = None


@dataclass(eq=False)
class Webhook:
    """A way to post into a channel under any name; those of an application answer interactions."""

    id: int
    token: str
    channel: Channel
    name: str
    maker: User
    application_id: int | None = None
    avatar: str | None = None


@dataclass(eq=False)
class Message:
    """A message with everything that can be seen of it."""

    id: int
    channel: Channel
    author: User
    content: str
    kind: int = 0
    """0 plain, 19 a reply, 20 an answer to a slash command."""
    pings: Pings = field(default_factory=Pings)
    mentions_are_explicit: bool = False
    """Whether the request that wrote it said by itself who may be notified."""
    reply_to: "Message | None" = field(default=None, repr=False)
    nonce: str | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reactions: dict[str, list[User]] = field(default_factory=dict)
    flags: int = 0
    tts: bool = False
    edited_at: str | None = None
    webhook_id: int | None = None
    application_id: int | None = None
    interaction: "Interaction | None" = field(default=None, repr=False)

    @property
    def is_hidden(self) -> bool:
        """Ephemeral: only the one who asked sees it, and it is in no history."""
        return bool(self.flags & EPHEMERAL)


@dataclass(eq=False)
class Application:
    """A bot's registration in the developer portal."""

    id: int
    name: str
    bot: User
    token: str
    owner: User
    privileged_intents: int
    """Those switched on in the portal; asking for others ends the session with 4014."""
    commands: dict[int, list[Json]] = field(default_factory=dict)
    """By guild id; 0 = everywhere."""


@dataclass(eq=False)
class Interaction:
    """A slash command, a button press or a form, waiting for its answer."""

    id: int
    token: str
    kind: int
    """2 slash command, 3 button or menu, 4 what to complete, 5 form."""
    application: Application
    channel: Channel
    user: User
    data: Json
    asked_ns: int
    """Monotonic: the first answer must come within 3 s, later ones within 15 minutes."""
    message: Message | None = field(default=None, repr=False)
    answer_kind: int | None = None
    answered_after_ms: int | None = None
    original: Message | None = field(default=None, repr=False)
    answer: Json | None = None
    """The body of the first answer."""
    followups: list[Message] = field(default_factory=list, repr=False)
