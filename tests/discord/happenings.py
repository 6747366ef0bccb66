"""What happens in this Discord: the world changes and those who may know are told.

The HTTP API (what bots do) and the director (what people do) both come through here.
"""

import time
from typing import Any

from tests.discord.gateway.intents import GUILD_MEMBERS, redacted
from tests.discord.gateway.sessions import Session, Sessions, guild_json_for
from tests.discord.journal import Journal, Ping
from tests.discord.rules import Rules
from tests.discord.world.drafts import Draft
from tests.discord.world.errors import Refused
from tests.discord.world.mentions import pings
from tests.discord.world.message_payload import emoji_json, message_json
from tests.discord.world.model import Channel, Guild, Json, Kind, Member, Message, User, Webhook
from tests.discord.world.payloads import (
    channel_json,
    iso,
    member_json,
    role_json,
    user_json,
)
from tests.discord.world.snowflakes import created_ms, new_id
from tests.discord.world.world import World

PLAIN, REPLY, COMMAND_ANSWER = 0, 19, 20


class Happenings:
    """All changes but those of voice."""

    def __init__(self, world: World, sessions: Sessions, journal: Journal, rules: Rules, cdn: str) -> None:
        self._world = world
        self._sessions = sessions
        self._journal = journal
        self._rules = rules
        self.cdn = cdn

    def post(self, channel: Channel, author: User, draft: Draft, **more: Any) -> Message:
        """A new message; with `enforce_nonce` the one there is already, if it came with the same nonce."""
        known = self._same_nonce(channel, author, draft)
        if known:
            return known
        replied = draft.reply_to.author if draft.reply_to else None
        message = Message(
            new_id(),
            channel,
            author,
            draft.content,
            kind=REPLY if draft.is_reply else PLAIN,
            pings=pings(draft.content, author, channel, draft.allowed_mentions, replied),
            mentions_are_explicit=draft.allowed_mentions is not None,
            reply_to=draft.reply_to,
            nonce=draft.nonce,
            embeds=draft.embeds,
            components=draft.components,
            attachments=draft.attachments,
            flags=draft.flags,
            tts=draft.tts,
        )
        for name, value in more.items():
            setattr(message, name, value)
        self._note(message)
        if not message.is_hidden:
            channel.messages[message.id] = message
            self._tell("MESSAGE_CREATE", message)
        return message

    def _tell(self, event: str, message: Message) -> None:
        self._sessions.tell_channel(
            message.channel, event, lambda session: self._event_json(message, session)
        )

    def _same_nonce(self, channel: Channel, author: User, draft: Draft) -> Message | None:
        if not (draft.enforce_nonce and draft.nonce):
            return None
        since_ms = time.time() * 1000 - self._rules.nonce_window_s * 1000
        for message in reversed(channel.messages.values()):
            if created_ms(message.id) < since_ms:
                return None
            if message.author is author and message.nonce == draft.nonce:
                return message
        return None

    def _note(self, message: Message) -> None:
        if not message.author.is_bot:
            return
        self._journal.sent.append(message)
        self._note_mentions(message)

    def _note_mentions(self, message: Message) -> None:
        if message.pings:
            self._journal.pings.append(Ping(message, message.pings))
        if not message.mentions_are_explicit:
            self._journal.implicit_mentions.append(message)

    def _event_json(self, message: Message, session: Session) -> Json:
        data = message_json(message, session.bot, self.cdn)
        guild = message.channel.guild
        if guild:
            data["guild_id"] = str(guild.id)
            if message.author.id in guild.members and message.webhook_id is None:
                data["member"] = member_json(guild.members[message.author.id], with_user=False)
        return redacted(data, message, session.bot, session.intents)

    def edit(self, message: Message, draft: Draft, named: set[str], *, is_first: bool = False) -> None:
        """Changes the named parts; notifies nobody, unless it was a "thinking ..." till now."""
        for name in named & {"content", "embeds", "components", "flags"}:
            setattr(message, name, getattr(draft, name))
        if "attachments" in named:
            message.attachments = draft.attachments
        replied = message.reply_to.author if message.reply_to else None
        message.pings = pings(
            message.content, message.author, message.channel, draft.allowed_mentions, replied
        )
        message.mentions_are_explicit = draft.allowed_mentions is not None
        message.edited_at = None if is_first else iso(created_ms(new_id()))
        if message.author.is_bot:
            self._journal.edits.append(message)
            if is_first:
                self._note_mentions(message)
            elif not message.mentions_are_explicit:
                self._journal.implicit_mentions.append(message)
        if not message.is_hidden:
            self._tell("MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        """Takes a message away; of hidden ones nobody hears."""
        if message.channel.messages.pop(message.id, None) is None:
            return
        self._sessions.tell_channel(
            message.channel, "MESSAGE_DELETE", self._where(message.channel) | {"id": str(message.id)}
        )

    def react(self, message: Message, user: User, emoji: str) -> None:
        """Adds a reaction, once per user and emoji.

        Raises:
            Refused: 20 different ones are there already.
        """
        users = message.reactions.get(emoji)
        if users is None and len(message.reactions) >= self._rules.reactions_max:
            raise Refused(30010)
        users = message.reactions.setdefault(emoji, [])
        if user in users:
            return
        users.append(user)
        if user.is_bot:
            self._journal.reactions.append((message, emoji))
        self._tell_reaction("MESSAGE_REACTION_ADD", message, user, emoji)

    def unreact(self, message: Message, user: User, emoji: str) -> None:
        """Takes a reaction back.

        Raises:
            Refused: there is none like it.
        """
        if user not in message.reactions.get(emoji, []):
            raise Refused(10014)
        message.reactions[emoji].remove(user)
        if not message.reactions[emoji]:
            del message.reactions[emoji]
        self._tell_reaction("MESSAGE_REACTION_REMOVE", message, user, emoji)

    def _tell_reaction(self, event: str, message: Message, user: User, emoji: str) -> None:
        guild = message.channel.guild
        data: Json = self._where(message.channel) | {
            "message_id": str(message.id),
            "user_id": str(user.id),
            "emoji": emoji_json(emoji),
            "burst": False,
            "type": 0,
        }
        if event == "MESSAGE_REACTION_ADD":
            data["message_author_id"] = str(message.author.id)
            if guild and user.id in guild.members:
                data["member"] = member_json(guild.members[user.id])
        self._sessions.tell_channel(message.channel, event, data)

    def type(self, channel: Channel, user: User) -> None:
        """The user is typing."""
        if user.is_bot:
            self._journal.typing.append(channel.id)
        data = self._where(channel) | {"user_id": str(user.id), "timestamp": int(time.time())}
        self._sessions.tell_channel(channel, "TYPING_START", data)

    @staticmethod
    def _where(channel: Channel) -> Json:
        where: Json = {"channel_id": str(channel.id)}
        return where | {"guild_id": str(channel.guild.id)} if channel.guild else where

    def channel_changed(self, channel: Channel) -> None:
        """Tells of a channel's new name, limit or overwrites."""
        assert channel.guild is not None
        self._sessions.tell_guild(channel.guild, "CHANNEL_UPDATE", channel_json(channel))

    def channel_made(self, guild: Guild, name: str, kind: Kind, user_limit: int = 0) -> Channel:
        """A new channel."""
        channel = self._world.add_channel(guild, name, kind, user_limit=user_limit)
        self._sessions.tell_guild(guild, "CHANNEL_CREATE", channel_json(channel))
        return channel

    def channel_deleted(self, channel: Channel) -> None:
        """A channel is gone; those connected to it are put out beforehand by the switchboard."""
        assert channel.guild is not None
        self._world.remove_channel(channel)
        self._sessions.tell_guild(channel.guild, "CHANNEL_DELETE", channel_json(channel))

    def voice_status(self, channel: Channel, status: str | None) -> None:
        """The line under a voice channel's name."""
        assert channel.guild is not None
        channel.status = status or None
        data = {"id": str(channel.id), "guild_id": str(channel.guild.id), "status": channel.status}
        self._sessions.tell_guild(channel.guild, "VOICE_CHANNEL_STATUS_UPDATE", data)

    def joined(self, guild: Guild, user: User) -> Member:
        """A user has joined the guild; a bot is told of the whole guild."""
        member = self._world.add_member(guild, user)
        for session in self._sessions.of(user):
            session.send("GUILD_CREATE", guild_json_for(session, guild))
        data = member_json(member) | {"guild_id": str(guild.id)}
        self._sessions.tell_guild(guild, "GUILD_MEMBER_ADD", data)
        return member

    def left(self, guild: Guild, user: User) -> None:
        """A user is no longer in the guild; a bot loses it."""
        del guild.members[user.id]
        for session in self._sessions.of(user):
            session.send("GUILD_DELETE", {"id": str(guild.id)})
        data = {"guild_id": str(guild.id), "user": user_json(user)}
        self._sessions.tell_guild(guild, "GUILD_MEMBER_REMOVE", data)

    def member_changed(self, guild: Guild, member: Member) -> None:
        """Nick or roles have changed. A bot is told of itself without any intent."""
        data = member_json(member) | {"guild_id": str(guild.id)}
        self._sessions.tell_guild(guild, "GUILD_MEMBER_UPDATE", data)
        for session in self._sessions.of(member.user):
            if not session.intents & GUILD_MEMBERS:
                session.send("GUILD_MEMBER_UPDATE", data)

    def role_changed(self, guild: Guild, role_id: int) -> None:
        """A role's permissions have changed."""
        data = {"guild_id": str(guild.id), "role": role_json(guild.roles[role_id])}
        self._sessions.tell_guild(guild, "GUILD_ROLE_UPDATE", data)

    def role_made(self, guild: Guild, role_id: int) -> None:
        """A new role."""
        data = {"guild_id": str(guild.id), "role": role_json(guild.roles[role_id])}
        self._sessions.tell_guild(guild, "GUILD_ROLE_CREATE", data)

    def outage(self, guild: Guild) -> None:
        """The guild is unavailable until `recovered`."""
        guild.available = False
        self._sessions.tell_guild(guild, "GUILD_DELETE", {"id": str(guild.id), "unavailable": True})

    def recovered(self, guild: Guild) -> None:
        """The guild is back."""
        guild.available = True
        self._sessions.tell_guild(guild, "GUILD_CREATE", lambda session: guild_json_for(session, guild))

    def webhook_made(self, channel: Channel, name: str, maker: User, token: str) -> Webhook:
        """A new incoming webhook."""
        webhook = Webhook(new_id(), token, channel, name, maker)
        self._world.webhooks[webhook.id] = webhook
        return webhook
