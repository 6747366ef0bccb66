"""What bot_main asks of a chat: `backends/discord_bot.py` is Discord, a hand-played one is in the tests.

Every send path goes through here, and each of them names whom it may ping. All methods raise
`BackendError`: `discord_unreachable` (retries are over), `discord_forbidden` (a permission is missing),
`discord_token_invalid` (nothing is permitted until the operator has mended that).
"""

from collections.abc import Callable
from typing import Protocol

from procs.bot_main.core.chat import ChatEvent, Incoming, Invoked, Mask, Names, Person, Post, VoiceRoom


class ChatBackend(Protocol):
    """A chat with voice channels."""

    async def run(self, notify: Callable[[ChatEvent], None]) -> None:
        """Be online until cancelled; what goes wrong is told as `Offline`, and tried again by itself.

        Args:
            notify: takes what happens; called in the event loop, never blocks.
        """
        ...

    # --- writing ------------------------------------------------------------------------------------

    async def send(self, channel_id: int, post: Post) -> list[int]:
        """Post in a channel; returns the ids of the messages it became."""
        ...

    async def send_dm(self, user_id: int, post: Post) -> list[int]:
        """Post to a person."""
        ...

    async def edit(self, channel_id: int, message_id: int, post: Post) -> None:
        """Put a post in the place of an earlier one; it must fit in one message."""
        ...

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Take a message away; one that is gone already is no error."""
        ...

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Put a reaction below a message; one that is gone is no error."""
        ...

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take her own reaction back."""
        ...

    async def answer(self, invoked: Invoked, post: Post) -> None:
        """Answer a slash command or a click, once."""
        ...

    async def send_masked(self, channel_id: int, mask: Mask, post: Post) -> int:
        """Post through a webhook of her own under another name and face."""
        ...

    async def typing(self, channel_id: int) -> None:
        """Show for some seconds that she writes."""
        ...

    # --- herself ------------------------------------------------------------------------------------

    async def set_presence(self, text: str) -> None:
        """What stands below her name; empty = nothing."""
        ...

    async def set_nickname(self, guild_id: int, nickname: str) -> None:
        """Her name in a guild."""
        ...

    async def set_avatar(self, image: bytes) -> None:
        """Her picture everywhere; Discord allows a change or two in ten minutes."""
        ...

    async def set_voice(self, guild_id: int, channel_id: int) -> None:
        """Ask Discord to have her in a voice channel, 0 = in none (OP 4). The answer is a `VoicePair`."""
        ...

    # --- reading; the methods without `async` read what the gateway has told ------------------------

    async def history(self, channel_id: int, after_id: int, limit: int) -> list[Incoming]:
        """Messages of people after a message, oldest first."""
        ...

    async def message(self, channel_id: int, message_id: int) -> Incoming | None:
        """A person's message as it is now; None if it is gone."""
        ...

    async def replies(self, channel_id: int, message_id: int) -> list[int]:
        """Ids of her own replies to a message, oldest first: what an earlier life may have posted."""
        ...

    async def person(self, guild_id: int, user_id: int) -> Person | None:
        """Somebody as they are now in a guild; None if they are no member. The gateway tells of few."""
        ...

    def voice_of(self, guild_id: int, user_id: int) -> int:
        """Voice channel in which somebody is, 0 for none. Her own id is in `Online`."""
        ...

    def voice_room(self, guild_id: int, channel_id: int) -> VoiceRoom | None:
        """A voice channel; None if there is none of that id."""
        ...

    def voice_rooms(self, guild_id: int) -> list[VoiceRoom]:
        """All voice channels of a guild that she can see."""
        ...

    def channel_name(self, channel_id: int) -> str:
        """A channel's name, empty if it is unknown."""
        ...

    def names(self, guild_id: int) -> Names:
        """What the channels and roles of a guild are called, in the guild's order."""
        ...

    def guild_ids(self) -> list[int]:
        """Guilds she is in that are there now; none while Discord is away."""
        ...
