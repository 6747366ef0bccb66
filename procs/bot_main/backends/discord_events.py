"""From the library's objects to our own words; their text is sound: whoever gets it can encode it."""

import re

import discord

from procs.bot_main.backends.discord_permissions import missing_to_join
from procs.bot_main.core.chat import DM, Attachment, Incoming, Person, Rights, VoiceRoom
from procs.bot_main.core.pages import sound

TEXT_CHARS = 4_000
"""Of a message, the most Discord lets anybody write."""
ATTACHMENTS = 10
Someone = discord.User | discord.Member
Vocal = discord.VoiceChannel | discord.StageChannel
"""What one can be connected to."""
_USER, _ROLE, _CHANNEL = (re.compile(rf"<{sign}(\d{{1,20}})>") for sign in ("@!?", "@&", "#"))


class Eyes:
    """How messages look to Miku."""

    def __init__(self, client: discord.Client, owner_ids: frozenset[int]) -> None:
        self._client = client
        self._owner_ids = owner_ids

    def is_a_persons(self, message: discord.Message) -> bool:
        """Whether somebody wrote it: no bot, no webhook, no notice of Discord's, not Miku."""
        is_written = message.type in (discord.MessageType.default, discord.MessageType.reply)
        return is_written and message.webhook_id is None and not message.author.bot

    def incoming(self, message: discord.Message) -> Incoming:
        """A message of a person."""
        replied = message.reference.resolved if message.reference else None
        original = replied if isinstance(replied, discord.Message) else None
        return Incoming(
            id=message.id,
            guild_id=message.guild.id if message.guild else DM,
            channel_id=message.channel.id,
            author=self.person(message.author),
            text=self._text(message, cuts_address=True),
            written_ms=int(message.created_at.timestamp() * 1000),
            is_addressed=self._is_addressed(message, original),
            reply_to_id=(message.reference.message_id or 0) if message.reference else 0,
            reply_to_text=self._text(original) if original else "",
            attachments=tuple(_attachment(one) for one in message.attachments[:ATTACHMENTS]),
            source=sound(self._unaddressed(message)).strip(),
        )

    def person(self, someone: Someone) -> Person:
        """Somebody with their rights in the guild they were met in."""
        is_owner, name = someone.id in self._owner_ids, sound(someone.display_name)
        if not isinstance(someone, discord.Member):
            return Person(someone.id, name, Rights(is_owner=is_owner))
        may = someone.guild_permissions
        roles = frozenset(role.id for role in someone.roles if not role.is_default())
        rights = Rights(is_owner, may.manage_guild, may.move_members, roles)
        return Person(someone.id, name, rights)

    def _is_addressed(self, message: discord.Message, original: discord.Message | None) -> bool:
        own_id = self._own_id
        if message.guild is None or (original is not None and original.author.id == own_id):
            return True
        return self._role_id(message) in message.raw_role_mentions or own_id in message.raw_mentions

    @staticmethod
    def _role_id(message: discord.Message) -> int:
        """The role that Discord made for her: many mention it in the place of herself."""
        role = message.guild.self_role if message.guild else None
        return role.id if role else 0

    def _text(self, message: discord.Message, *, cuts_address: bool = False) -> str:
        """With mentions as names; where asked, without the mention of Miku that begins it."""
        text = self._unaddressed(message) if cuts_address else message.content[:TEXT_CHARS]
        people = {one.id: one.display_name for one in message.mentions}
        guild = message.guild

        def user(found: re.Match[str]) -> str:
            return f"@{people.get(int(found[1]), 'somebody')}"

        def role(found: re.Match[str]) -> str:
            known = guild.get_role(int(found[1])) if guild else None
            return f"@{known.name if known else 'role'}"

        def channel(found: re.Match[str]) -> str:
            known = guild.get_channel_or_thread(int(found[1])) if guild else None
            return f"#{known.name if known else 'channel'}"

        return sound(_CHANNEL.sub(channel, _ROLE.sub(role, _USER.sub(user, text)))).strip()

    def _unaddressed(self, message: discord.Message) -> str:
        """As Discord has it, without the mention of Miku that begins it."""
        begins = rf"\A\s*<(@!?{self._own_id}|@&{self._role_id(message)})>[\s,:]*"
        return re.sub(begins, "", message.content[:TEXT_CHARS])

    @property
    def _own_id(self) -> int:
        return self._client.user.id if self._client.user else 0


def _attachment(one: discord.Attachment) -> Attachment:
    return Attachment(one.id, sound(one.filename), one.url, one.content_type or "", one.size)


def voice_room(room: Vocal) -> VoiceRoom:
    """A voice channel, with who is in it and what she may do there."""
    guild = room.guild
    inside = set(room.voice_states) - {guild.me.id}
    members = [guild.get_member(id_) for id_ in inside]
    # The channel's own way to ask takes all of them away where one is missing; here that one is to be named.
    may = discord.abc.GuildChannel.permissions_for(room, guild.me)
    return VoiceRoom(
        id=room.id,
        name=room.name,
        is_stage=isinstance(room, discord.StageChannel),
        missing=missing_to_join(may.value),
        user_limit=room.user_limit or 0,
        n_people=len(inside),
        n_listeners=sum(member is None or not member.bot for member in members),
        may_exceed_limit=may.move_members,
    )
