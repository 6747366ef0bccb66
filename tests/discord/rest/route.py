"""What a route of the API is, and what its handler gets."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.discord.rest.ratelimits import Limit
from tests.discord.world.errors import Refused
from tests.discord.world.model import Application, Attachment, Channel, Guild, Json, Message, User
from tests.discord.world.permissions import Permission, in_guild, may

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

Answer = Json | list[Json] | None
"""None = 204 without a body."""


@dataclass
class Ask:
    """One request, authenticated and parsed."""

    discord: "Loopback"
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = field(default_factory=dict)
    files: list[Attachment] = field(default_factory=list)
    application: Application | None = None
    """None where the address itself is the secret (webhooks, interactions)."""

    @property
    def bot(self) -> User:
        """Who asks."""
        assert self.application is not None
        return self.application.bot

    @property
    def channel(self) -> Channel:
        """The channel in the path.

        Raises:
            Refused: there is none, or the bot may not look into it.
        """
        channel = self.discord.world.channel(self.path["channel"])
        if not may(self.bot, channel, Permission.VIEW_CHANNEL):
            raise Refused(50001)
        return channel

    @property
    def guild(self) -> Guild:
        """The guild in the path.

        Raises:
            Refused: there is none, or the bot is not in it.
        """
        guild = self.discord.world.guild(self.path["guild"])
        if self.bot.id not in guild.members:
            raise Refused(50001)
        return guild

    @property
    def message(self) -> Message:
        """The message in the path. Raises: Refused."""
        return self.discord.world.message(self.channel, self.path["message"])

    def has(self, flag: str) -> bool:
        """Whether a flag is set in the query, in any of its spellings."""
        return self.query.get(flag, "").lower() in ("1", "true")

    def need(self, channel: Channel, permission: Permission) -> None:
        """Raises: Refused 50013."""
        if not may(self.bot, channel, permission):
            raise Refused(50013)

    def need_in(self, guild: Guild, permission: Permission) -> None:
        """Raises: Refused 50013."""
        if in_guild(self.bot, guild) & permission != permission:
            raise Refused(50013)


Handler = Callable[[Ask], Awaitable[Answer]]
SELDOM = Limit(50, 1.0)
"""For routes whose limit nobody meets."""


@dataclass(frozen=True)
class Route:
    """One line of the API."""

    method: str
    template: str
    handle: Handler
    limit: Limit = SELDOM
    needs_token: bool = True

    @property
    def name(self) -> str:
        """`POST /channels/{channel}/messages`."""
        return f"{self.method} {self.template}"
