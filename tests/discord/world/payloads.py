"""How the things of this world look as JSON, as Discord sends them.

Ids are text, permissions are text, times are ISO 8601; whoever reads this should find no surprise beside
Discord's OpenAPI document.
"""

from datetime import UTC, datetime

from tests.discord.world.model import (
    Application,
    Channel,
    Guild,
    Json,
    Member,
    Role,
    User,
    VoiceState,
    Webhook,
)


def iso(at_ms: int) -> str:
    """ISO 8601 with microseconds and offset."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="microseconds")


def user_json(user: User) -> Json:
    """A user as others see it."""
    return {
        "id": str(user.id),
        "username": user.name if user.is_bot else user.name.lower(),
        "global_name": None if user.is_bot else user.name,
        "discriminator": "0000" if user.is_bot else "0",
        "avatar": user.avatar,
        "bot": user.is_bot,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }


def own_user_json(user: User) -> Json:
    """A user as it sees itself."""
    return user_json(user) | {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}


def member_json(member: Member, *, with_user: bool = True) -> Json:
    """A member; inside of messages the user stands beside it."""
    data: Json = {
        "nick": member.nick,
        "avatar": None,
        "banner": None,
        "roles": [str(role_id) for role_id in member.role_ids],
        "joined_at": member.joined_at,
        "premium_since": None,
        "communication_disabled_until": None,
        "flags": 0,
        "pending": False,
        "mute": False,
        "deaf": False,
    }
    return data | {"user": user_json(member.user)} if with_user else data


def role_json(role: Role) -> Json:
    """A role."""
    return {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def channel_json(channel: Channel) -> Json:
    """A channel of any kind."""
    last = next(reversed(channel.messages), None)
    data: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "flags": 0,
        "last_message_id": str(last) if last else None,
    }
    if channel.guild is None:
        return data | {"recipients": [user_json(user) for user in channel.recipients if not user.is_bot]}
    data |= {
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "position": channel.position,
        "parent_id": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {"id": str(one.id), "type": one.kind, "allow": str(one.allow), "deny": str(one.deny)}
            for one in channel.overwrites.values()
        ],
    }
    if channel.kind.is_vocal:
        return data | {"bitrate": channel.bitrate, "user_limit": channel.user_limit, "rtc_region": None}
    return data | {"topic": channel.topic}


def guild_json(guild: Guild) -> Json:
    """A guild as REST describes it."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "roles": [role_json(role) for role in guild.roles.values()],
        **{key: [] for key in _EMPTY_LISTS},
        **dict.fromkeys(_NULLS),
        **dict.fromkeys(_ZEROES, 0),
        **dict.fromkeys(_FALSES, False),
        "afk_timeout": 300,
        "max_members": 500_000,
        "preferred_locale": "en-US",
        "region": "us-west",
    }


_EMPTY_LISTS = ("features", "emojis", "stickers")
_NULLS = (
    *("icon", "description", "home_header", "splash", "discovery_splash", "banner", "application_id"),
    *("afk_channel_id", "system_channel_id", "widget_channel_id", "max_presences", "vanity_url_code"),
    *("rules_channel_id", "safety_alerts_channel_id", "public_updates_channel_id", "incidents_data"),
)
_ZEROES = (
    *(
        "system_channel_flags",
        "verification_level",
        "default_message_notifications",
        "mfa_level",
        "nsfw_level",
    ),
    *("explicit_content_filter", "premium_tier", "premium_subscription_count"),
    *("max_stage_video_channel_users", "max_video_channel_users"),
)
_FALSES = ("widget_enabled", "premium_progress_bar_enabled", "nsfw")


def guild_create_json(guild: Guild, viewer: User, *, with_all_members: bool) -> Json:
    """A guild as the gateway describes it to one bot.

    Without the presence intent members are only the bot itself and those in voice channels. Channels are all
    there are, also those the bot may not look into.
    """
    shown = [
        member
        for member in guild.members.values()
        if with_all_members or member.user is viewer or member.user.id in guild.voice_states
    ]
    return guild_json(guild) | {
        "joined_at": guild.members[viewer.id].joined_at,
        "large": False,
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_json(member) for member in shown],
        "channels": [channel_json(channel) for channel in guild.channels.values()],
        "voice_states": [
            {
                key: value
                for key, value in voice_state_json(state).items()
                if key not in ("guild_id", "member")
            }
            for state in guild.voice_states.values()
        ],
        "presences": [],
        "threads": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def voice_state_json(state: VoiceState, *, gone: bool = False) -> Json:
    """A voice state; `gone` = the user has just left (channel null)."""
    guild = state.channel.guild
    assert guild is not None
    return {
        "guild_id": str(guild.id),
        "channel_id": None if gone else str(state.channel.id),
        "user_id": str(state.user.id),
        "member": member_json(guild.members[state.user.id]) if state.user.id in guild.members else None,
        "session_id": state.session_id,
        "deaf": state.deaf,
        "mute": state.mute,
        "self_deaf": state.self_deaf,
        "self_mute": state.self_mute,
        "self_stream": False,
        "self_video": False,
        "suppress": state.suppress,
        "request_to_speak_timestamp": None,
    }


def webhook_json(webhook: Webhook, api: str) -> Json:
    """An incoming webhook with its token."""
    return {
        "id": str(webhook.id),
        "type": 1,
        "name": webhook.name,
        "avatar": webhook.avatar,
        "channel_id": str(webhook.channel.id),
        "guild_id": str(webhook.channel.guild.id) if webhook.channel.guild else None,
        "application_id": str(webhook.application_id) if webhook.application_id else None,
        "user": user_json(webhook.maker),
        "token": webhook.token,
        "url": f"{api}/webhooks/{webhook.id}/{webhook.token}",
    }


def application_json(application: Application) -> Json:
    """A registration, as its own bot sees it."""
    return {
        "id": str(application.id),
        "name": application.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_json(application.bot),
        "owner": user_json(application.owner),
        "team": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": application_flags(application),
        "flags_new": str(application_flags(application)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
    }


FLAG_OF_INTENT = {1 << 8: 1 << 13, 1 << 1: 1 << 15, 1 << 15: 1 << 19}
"""Privileged intents (presences, members, message content): the flags that show them as granted."""


def application_flags(application: Application) -> int:
    """Flags that tell which privileged intents are switched on."""
    return sum(flag for intent, flag in FLAG_OF_INTENT.items() if application.privileged_intents & intent)
