"""How an interaction comes about: what a client sends when somebody uses a command, a button or a form."""

import secrets
from typing import Any

from tests.discord.loopback import Loopback
from tests.discord.world.message_payload import message_json
from tests.discord.world.model import Application, Channel, Interaction, Json, Message, User
from tests.discord.world.payloads import channel_json, member_json, user_json
from tests.discord.world.permissions import in_channel
from tests.discord.world.snowflakes import new_id

SUBCOMMAND, GROUP = 1, 2
USER, CHANNEL = 6, 7
TYPES: dict[int, type | tuple[type, ...]] = {
    3: str,
    4: int,
    5: bool,
    USER: int,
    CHANNEL: int,
    10: (int, float),
}


def ask(
    discord: Loopback,
    application: Application,
    channel: Channel,
    user: User,
    kind: int,
    data: Json,
    message: Message | None = None,
) -> Interaction:
    """A new interaction, told to the bot."""
    interaction = Interaction(
        new_id(),
        secrets.token_urlsafe(48),
        kind,
        application,
        channel,
        user,
        data,
        discord.now_ns(),
        message,
    )
    discord.world.interactions[interaction.id] = interaction
    discord.journal.interactions.append(interaction)
    told = _event(discord, interaction)
    for session in discord.sessions.of(application.bot):
        session.send("INTERACTION_CREATE", told)
    return interaction


def _event(discord: Loopback, interaction: Interaction) -> Json:
    channel, user, application = interaction.channel, interaction.user, interaction.application
    data: Json = {
        "id": str(interaction.id),
        "application_id": str(application.id),
        "type": interaction.kind,
        "data": interaction.data,
        "token": interaction.token,
        "version": 1,
        "channel": channel_json(channel),
        "channel_id": str(channel.id),
        "locale": "en-US",
        "app_permissions": str(in_channel(application.bot, channel)),
        "entitlements": [],
        "attachment_size_limit": discord.rules.upload_max_bytes,
        "context": 0 if channel.guild else 1,
        "authorizing_integration_owners": {"0": str(channel.guild.id if channel.guild else 0)},
    }
    if interaction.message:
        data["message"] = message_json(interaction.message, application.bot, discord.cdn)
    if channel.guild is None:
        return data | {"user": user_json(user)}
    member = member_json(channel.guild.members[user.id]) | {"permissions": str(in_channel(user, channel))}
    return data | {"member": member, "guild_id": str(channel.guild.id), "guild_locale": "en-US"}


def option_data(application: Application, channel: Channel, words: str, options: dict[str, Any]) -> Json:
    """The data of a slash command, checked against what the bot has registered.

    Raises:
        LookupError: no such command, subcommand or option.
    """
    name, *path = words.split()
    guild_id = channel.guild.id if channel.guild else 0
    registered = application.commands.get(guild_id, []) + application.commands.get(0, [])
    command = _named(registered, name)
    data: Json = {"id": command["id"], "name": name, "type": 1}
    inner, at = data, command
    for word in path:
        at = _named(at.get("options", []), word)
        step: Json = {"name": word, "type": at["type"]}
        inner["options"] = [step]
        inner = step
    inner["options"] = [_option(at.get("options", []), key, value) for key, value in options.items()]
    missing = [
        one["name"] for one in at.get("options", []) if one.get("required") and one["name"] not in options
    ]
    if missing or any(one["type"] in (SUBCOMMAND, GROUP) for one in at.get("options", [])):
        raise LookupError(f"{words!r} lacks {missing or 'a subcommand'}")
    return data | {"resolved": _resolved(channel, inner["options"])}


def _named(found: list[Json], name: str) -> Json:
    for one in found:
        if one["name"] == name:
            return one
    raise LookupError(f"{name!r} is not among {[one['name'] for one in found]}")


def _option(known: list[Json], name: str, value: Any) -> Json:
    option = _named(known, name)
    if not isinstance(value, TYPES[option["type"]]):
        raise LookupError(f"option {name!r} is of another type")
    choices = [one["value"] for one in option.get("choices", [])]
    if choices and value not in choices:
        raise LookupError(f"option {name!r} is one of {choices}")
    is_id = option["type"] in (USER, CHANNEL)
    return {"name": name, "type": option["type"], "value": str(value) if is_id else value}


def _resolved(channel: Channel, options: list[Json]) -> Json:
    guild = channel.guild
    resolved: Json = {"users": {}, "members": {}, "channels": {}}
    for option in options:
        if option["type"] == USER and guild:
            member = guild.members[int(option["value"])]
            resolved["users"][option["value"]] = user_json(member.user)
            resolved["members"][option["value"]] = member_json(member, with_user=False) | {"permissions": "0"}
        if option["type"] == CHANNEL and guild:
            found = guild.channels[int(option["value"])]
            resolved["channels"][option["value"]] = channel_json(found) | {"permissions": "0"}
    return {key: value for key, value in resolved.items() if value}
