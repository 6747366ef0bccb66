"""Who am I, where is the gateway."""

import base64
import hashlib

from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.payloads import application_json, own_user_json, user_json


async def me(ask: Ask) -> Answer:
    """The bot's own user."""
    return own_user_json(ask.bot)


async def edit_me(ask: Ask) -> Answer:
    """Name and avatar; an avatar is a data URI of an image."""
    bot = ask.bot
    if "username" in ask.body:
        if not 2 <= len(ask.body["username"]) <= 32:
            raise bad_field("username", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 32 in length.")
        bot.name = ask.body["username"]
    if "avatar" in ask.body:
        bot.avatar = _avatar_hash(ask.body["avatar"])
    for session in ask.discord.sessions.of(bot):
        session.send("USER_UPDATE", own_user_json(bot))
    return own_user_json(bot)


def _avatar_hash(uri: str | None) -> str | None:
    if uri is None:
        return None
    head, comma, data = uri.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma):
        raise bad_field("avatar", "IMAGE_INVALID", "Invalid image data")
    return hashlib.md5(base64.b64decode(data)).hexdigest()


async def user(ask: Ask) -> Answer:
    """Any user."""
    return user_json(ask.discord.world.user(ask.path["user"]))


async def application(ask: Ask) -> Answer:
    """The bot's own registration."""
    assert ask.application is not None
    if ask.path.get("application", str(ask.application.id)) != str(ask.application.id):
        raise Refused(50001)
    return application_json(ask.application)


async def gateway(ask: Ask) -> Answer:
    """Where the gateway is."""
    return {"url": ask.discord.gateway_url}


async def gateway_bot(ask: Ask) -> Answer:
    """Where the gateway is, and how many sessions may still be started today."""
    rules, used = ask.discord.rules, ask.discord.journal.identifies
    return {
        "url": ask.discord.gateway_url,
        "shards": 1,
        "session_start_limit": {
            "total": rules.identify_budget,
            "remaining": max(0, rules.identify_budget - used),
            "reset_after": 86_400_000,
            "max_concurrency": 1,
        },
    }


ROUTES = [
    Route("GET", "/users/@me", me),
    Route("PATCH", "/users/@me", edit_me),
    Route("GET", "/users/{user}", user),
    Route("GET", "/oauth2/applications/@me", application),
    Route("GET", "/applications/@me", application),
    Route("GET", "/applications/{application}", application),
    Route("GET", "/gateway", gateway, needs_token=False),
    Route("GET", "/gateway/bot", gateway_bot),
]
