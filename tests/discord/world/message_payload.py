"""How a message looks as JSON, with its files, reactions and what it replies to."""

from tests.discord.world.model import Attachment, Json, Message, User
from tests.discord.world.payloads import iso, user_json
from tests.discord.world.snowflakes import created_ms


def attachment_json(attachment: Attachment, cdn: str) -> Json:
    """A file of a message and where it is to be had."""
    url = f"{cdn}/attachments/{attachment.id}/{attachment.filename}"
    data: Json = {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": len(attachment.content),
        "url": url,
        "proxy_url": url,
    }
    return data | {"description": attachment.description} if attachment.description else data


def message_json(message: Message, viewer: User | None, cdn: str, *, nested: bool = False) -> Json:
    """A message as `viewer` sees it (whose own reactions are marked)."""
    guild = message.channel.guild
    known = {id_: member.user for id_, member in guild.members.items()} if guild else {}
    known |= {user.id: user for user in message.channel.recipients}
    data: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": message.kind,
        "content": message.content,
        "author": user_json(message.author),
        "timestamp": iso(created_ms(message.id)),
        "edited_timestamp": message.edited_at,
        "tts": message.tts,
        "pinned": False,
        "flags": message.flags,
        "mention_everyone": message.pings.everyone,
        "mentions": [user_json(known[id_]) for id_ in message.pings.users if id_ in known],
        "mention_roles": [str(id_) for id_ in message.pings.roles],
        "attachments": [attachment_json(one, cdn) for one in message.attachments],
        "embeds": message.embeds,
        "components": message.components,
    }
    data |= _only_if_there(message)
    if message.reactions and not nested:
        data["reactions"] = [
            _reaction_json(emoji, users, viewer) for emoji, users in message.reactions.items()
        ]
    if message.kind == 19 and not nested:
        data |= _reference_json(message, viewer, cdn)
    return data


def _only_if_there(message: Message) -> Json:
    data: Json = {}
    if message.nonce is not None:
        data["nonce"] = message.nonce
    if message.webhook_id is not None:
        data["webhook_id"] = str(message.webhook_id)
    if message.application_id is not None:
        data["application_id"] = str(message.application_id)
    if message.interaction is not None:
        asked = message.interaction
        data["interaction_metadata"] = {
            "id": str(asked.id),
            "type": asked.kind,
            "user": user_json(asked.user),
            "authorizing_integration_owners": {},
        }
    return data


def _reaction_json(emoji: str, users: list[User], viewer: User | None) -> Json:
    return {
        "emoji": emoji_json(emoji),
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "burst_colors": [],
        "me": viewer in users,
        "me_burst": False,
    }


def emoji_json(emoji: str) -> Json:
    """A Unicode emoji as partial emoji."""
    return {"id": None, "name": emoji}


def _reference_json(message: Message, viewer: User | None, cdn: str) -> Json:
    target = message.reply_to
    reference: Json = {"type": 0, "channel_id": str(message.channel.id)}
    if message.channel.guild:
        reference["guild_id"] = str(message.channel.guild.id)
    if target is None:
        return {"message_reference": reference, "referenced_message": None}
    reference["message_id"] = str(target.id)
    found = message_json(target, viewer, cdn, nested=True) if target.id in target.channel.messages else None
    return {"message_reference": reference, "referenced_message": found}
