"""Reactions to messages."""

from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused
from tests.discord.world.payloads import user_json
from tests.discord.world.permissions import Permission

LIMIT = Limit(1, 0.25)
"""One bucket for putting and one for taking, per channel."""


def _emoji(ask: Ask) -> str:
    """A Unicode emoji. Raises: Refused 10014 for plain letters or nothing."""
    emoji = ask.path["emoji"]
    if not emoji or emoji.isascii():
        raise Refused(10014)
    return emoji


async def add(ask: Ask) -> Answer:
    """The bot reacts; the first of an emoji needs a permission more."""
    message, emoji = ask.message, _emoji(ask)
    ask.need(message.channel, Permission.READ_MESSAGE_HISTORY)
    if emoji not in message.reactions:
        ask.need(message.channel, Permission.ADD_REACTIONS)
    ask.discord.happenings.react(message, ask.bot, emoji)
    return None


async def remove_own(ask: Ask) -> Answer:
    """The bot takes its reaction back."""
    ask.discord.happenings.unreact(ask.message, ask.bot, _emoji(ask))
    return None


async def remove(ask: Ask) -> Answer:
    """The bot takes somebody else's reaction away."""
    message = ask.message
    user = ask.discord.world.user(ask.path["user"])
    if user is not ask.bot:
        ask.need(message.channel, Permission.MANAGE_MESSAGES)
    ask.discord.happenings.unreact(message, user, _emoji(ask))
    return None


async def clear(ask: Ask) -> Answer:
    """All reactions go, or all of one emoji."""
    message = ask.message
    ask.need(message.channel, Permission.MANAGE_MESSAGES)
    wanted = [_emoji(ask)] if "emoji" in ask.path else list(message.reactions)
    for emoji in wanted:
        for user in list(message.reactions.get(emoji, [])):
            ask.discord.happenings.unreact(message, user, emoji)
    return None


async def who(ask: Ask) -> Answer:
    """Who reacted with an emoji."""
    return [user_json(user) for user in ask.message.reactions.get(_emoji(ask), [])]


_ALL = "/channels/{channel}/messages/{message}/reactions"
ROUTES = [
    Route("PUT", _ALL + "/{emoji}/@me", add, LIMIT),
    Route("DELETE", _ALL + "/{emoji}/@me", remove_own, LIMIT),
    Route("DELETE", _ALL + "/{emoji}/{user}", remove, LIMIT),
    Route("DELETE", _ALL + "/{emoji}", clear, LIMIT),
    Route("DELETE", _ALL, clear, LIMIT),
    Route("GET", _ALL + "/{emoji}", who),
]
