"""A channel as a test sees it."""

from typing import TYPE_CHECKING

from tests.discord.voice.heard import Heard
from tests.discord.world.model import Channel, Message, Overwrite
from tests.discord.world.permissions import Permission

if TYPE_CHECKING:
    from tests.discord.director.bot import Bot
    from tests.discord.director.director import Director


class Place:
    """One channel."""

    def __init__(self, director: "Director", channel: Channel) -> None:
        self._director = director
        self.channel = channel

    @property
    def id(self) -> int:
        """The channel's id."""
        return self.channel.id

    @property
    def messages(self) -> list[Message]:
        """What can be read there now, oldest first."""
        return list(self.channel.messages.values())

    @property
    def texts(self) -> list[str]:
        """The same, text only."""
        return [message.content for message in self.messages]

    @property
    def voices(self) -> set[str]:
        """Names of all who are connected to it."""
        guild = self.channel.guild
        assert guild is not None
        return {state.user.name for state in guild.voice_states.values() if state.channel is self.channel}

    @property
    def status(self) -> str | None:
        """The line under a voice channel's name."""
        return self.channel.status

    def heard(self, bot: "Bot | str" = "Miku") -> Heard:
        """What the person who is in this voice channel longest heard of a bot."""
        speaker = self._director.find_bot(bot).user
        now_ns = self._director.discord.wall_ns()
        return self._director.discord.switchboard.room(self.channel).of(speaker.id).settle(now_ns)

    def n_heard(self, bot: "Bot | str" = "Miku") -> int:
        """Voice frames of a bot that were heard here since the last `forgets`."""
        return self.heard(bot).frames

    def forgets(self) -> None:
        """What was heard here so far no longer counts."""
        self._director.discord.switchboard.room(self.channel).forget()

    def forbid(self, who: str, permissions: list[str]) -> None:
        """Takes permissions from one person or bot, here."""
        self._overwrite(who, deny=permissions)

    def permit(self, who: str, permissions: list[str]) -> None:
        """Gives permissions to one person or bot, here."""
        self._overwrite(who, allow=permissions)

    def _overwrite(self, who: str, allow: list[str] | None = None, deny: list[str] | None = None) -> None:
        known = self._director.people.get(who) or self._director.bots[who]
        id_ = known.user.id
        overwrite = self.channel.overwrites.setdefault(id_, Overwrite(id_, 1))
        given, taken = (sum(Permission[name] for name in names or []) for names in (allow, deny))
        overwrite.allow = overwrite.allow & ~taken | given
        overwrite.deny = overwrite.deny & ~given | taken
        self._changed()

    def limit(self, users: int) -> None:
        """How many may be in this voice channel; 0 = any number."""
        self.channel.user_limit = users
        self._changed()

    def rename(self, name: str) -> None:
        """Another name for the channel (the test still calls it by the first one)."""
        self.channel.name = name
        self._changed()

    def _changed(self) -> None:
        self._director.discord.happenings.channel_changed(self.channel)

    def delete(self) -> None:
        """The channel is gone, and everybody is out of it."""
        self._director.discord.delete_channel(self.channel)

    def people_commit(self, yes: bool) -> None:
        """Whether the people in it commit to the group's changes, or leave that to the bot."""
        for listener in self._director.discord.switchboard.room(self.channel).listeners.values():
            if listener.peer:
                listener.peer.commits = yes
