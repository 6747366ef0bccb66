"""Channels: what they are, who may what in them, the status line of voice channels, direct conversations."""

from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Kind, Overwrite
from tests.discord.world.payloads import channel_json
from tests.discord.world.permissions import Permission, in_channel

STATUS_MAX = 500


async def channel(ask: Ask) -> Answer:
    """One channel."""
    return channel_json(ask.channel)


async def edit(ask: Ask) -> Answer:
    """Name, topic, user limit, bitrate."""
    found = ask.channel
    ask.need(found, Permission.MANAGE_CHANNELS)
    for name in ("name", "topic", "user_limit", "bitrate"):
        if name in ask.body:
            setattr(found, name, ask.body[name])
    ask.discord.happenings.channel_changed(found)
    return channel_json(found)


async def delete(ask: Ask) -> Answer:
    """Takes the channel away, and everybody out of it."""
    found = ask.channel
    ask.need(found, Permission.MANAGE_CHANNELS)
    ask.discord.delete_channel(found)
    return channel_json(found)


async def set_overwrite(ask: Ask) -> Answer:
    """What one role or member may in this channel."""
    found = ask.channel
    ask.need(found, Permission.MANAGE_ROLES)
    allow, deny = int(ask.body.get("allow") or 0), int(ask.body.get("deny") or 0)
    if (allow | deny) & ~in_channel(ask.bot, found):
        raise Refused(50013)
    id_ = int(ask.path["overwrite"])
    found.overwrites[id_] = Overwrite(id_, int(ask.body["type"]), allow, deny)
    ask.discord.happenings.channel_changed(found)
    return None


async def remove_overwrite(ask: Ask) -> Answer:
    """Back to what the roles say."""
    found = ask.channel
    ask.need(found, Permission.MANAGE_ROLES)
    if found.overwrites.pop(int(ask.path["overwrite"]), None) is None:
        raise Refused(10009)
    ask.discord.happenings.channel_changed(found)
    return None


async def voice_status(ask: Ask) -> Answer:
    """The line under a voice channel's name; from outside of the channel it needs more rights."""
    found = ask.channel
    if found.kind is not Kind.VOICE:
        raise Refused(50024)
    ask.need(found, Permission.SET_VOICE_CHANNEL_STATUS)
    assert found.guild is not None
    state = found.guild.voice_states.get(ask.bot.id)
    if state is None or state.channel is not found:
        ask.need(found, Permission.MANAGE_CHANNELS)
    status = ask.body.get("status")
    if status and len(status) > STATUS_MAX:
        raise bad_field("status", "BASE_TYPE_MAX_LENGTH", "Must be 500 or fewer in length.")
    ask.discord.happenings.voice_status(found, status)
    return None


async def open_dm(ask: Ask) -> Answer:
    """The direct conversation with a user."""
    other = ask.discord.world.user(ask.body["recipient_id"])
    if other is ask.bot:
        raise Refused(50007)
    return channel_json(ask.discord.world.dm(ask.bot, other))


async def typing(ask: Ask) -> Answer:
    """Shows the bot as typing for ten seconds."""
    found = ask.channel
    ask.need(found, Permission.SEND_MESSAGES)
    ask.discord.happenings.type(found, ask.bot)
    return None


ROUTES = [
    Route("GET", "/channels/{channel}", channel),
    Route("PATCH", "/channels/{channel}", edit, Limit(5, 15.0)),
    Route("DELETE", "/channels/{channel}", delete),
    Route("PUT", "/channels/{channel}/permissions/{overwrite}", set_overwrite, Limit(10, 15.0)),
    Route("DELETE", "/channels/{channel}/permissions/{overwrite}", remove_overwrite, Limit(10, 15.0)),
    Route("PUT", "/channels/{channel}/voice-status", voice_status, Limit(5, 15.0)),
    Route("POST", "/channels/{channel}/typing", typing, Limit(5, 5.0)),
    Route("POST", "/users/@me/channels", open_dm),
]
