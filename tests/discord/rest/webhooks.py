"""Webhooks: make them, post through them, change what was posted.

The token of an answered interaction opens the same routes, with the application's id in the webhook's place.
"""

import secrets

from tests.discord.rest.interactions import answer_of, answered, follow_up
from tests.discord.rest.messages import keep
from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.drafts import LOADING, draft, must_not_be_empty
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.message_payload import message_json
from tests.discord.world.model import Interaction, Message, User, Webhook
from tests.discord.world.payloads import webhook_json
from tests.discord.world.permissions import Permission

NAME_MAX = 80


async def create(ask: Ask) -> Answer:
    """A new webhook of a channel."""
    channel = ask.channel
    ask.need(channel, Permission.MANAGE_WEBHOOKS)
    name = ask.body["name"]
    if not 1 <= len(name) <= NAME_MAX or "discord" in name.lower():
        raise bad_field(
            "name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length, without 'discord'."
        )
    webhook = ask.discord.happenings.webhook_made(channel, name, ask.bot, secrets.token_urlsafe(48))
    assert ask.application is not None
    webhook.application_id = ask.application.id
    return webhook_json(webhook, ask.discord.api_base)


async def of_channel(ask: Ask) -> Answer:
    """The webhooks of a channel."""
    channel = ask.channel
    ask.need(channel, Permission.MANAGE_WEBHOOKS)
    hooks = [hook for hook in ask.discord.world.webhooks.values() if hook.channel is channel]
    return [webhook_json(hook, ask.discord.api_base) for hook in hooks]


def by_token(ask: Ask) -> Webhook:
    """The webhook of the path. Raises: Refused."""
    id_ = ask.path["webhook"]
    webhook = ask.discord.world.webhooks.get(int(id_)) if id_.isdigit() else None
    if webhook is None:
        raise Refused(10015)
    if not secrets.compare_digest(webhook.token, ask.path["token"]):
        raise Refused(50027)
    return webhook


async def read(ask: Ask) -> Answer:
    """The webhook itself, for whoever has its token."""
    return webhook_json(by_token(ask), ask.discord.api_base)


async def edit(ask: Ask) -> Answer:
    """Its name."""
    webhook = by_token(ask)
    webhook.name = ask.body.get("name") or webhook.name
    return webhook_json(webhook, ask.discord.api_base)


async def remove(ask: Ask) -> Answer:
    """The webhook goes."""
    del ask.discord.world.webhooks[by_token(ask).id]
    return None


def door(ask: Ask) -> Webhook | Interaction:
    """What the path's id and token open: a webhook, or the answers to an interaction. Raises: Refused."""
    found = answered(ask.discord, ask.path["webhook"], ask.path["token"])
    return found or by_token(ask)


async def execute(ask: Ask) -> Answer:
    """Posts a message; its JSON comes back with `wait=true`, and for interactions always."""
    opened = door(ask)
    if isinstance(opened, Interaction):
        return follow_up(ask, opened)
    made = draft(ask.body, ask.files, ask.discord.rules)
    must_not_be_empty(made)
    ask.discord.world.attachments |= {file.id: file for file in made.attachments}
    name = ask.body.get("username") or opened.name
    author = User(opened.id, name, is_bot=True, avatar=opened.avatar)
    message = ask.discord.happenings.post(opened.channel, author, made, webhook_id=opened.id)
    return message_json(message, None, ask.discord.happenings.cdn) if ask.has("wait") else None


def _own(ask: Ask) -> Message:
    opened = door(ask)
    if isinstance(opened, Interaction):
        return answer_of(opened, ask.path["message"])
    message = ask.discord.world.message(opened.channel, ask.path["message"])
    if message.webhook_id != opened.id:
        raise Refused(10008)
    return message


async def read_message(ask: Ask) -> Answer:
    """A message posted through it; `@original` = the first answer to an interaction."""
    return message_json(_own(ask), None, ask.discord.happenings.cdn)


async def edit_message(ask: Ask) -> Answer:
    """Changes a message posted through it; of a "thinking ..." it makes the answer."""
    message = _own(ask)
    made = draft(ask.body, ask.files, ask.discord.rules)
    keep(ask, message, made)
    was_loading = bool(message.flags & LOADING)
    message.flags &= ~LOADING
    ask.discord.happenings.edit(message, made, set(ask.body) - {"flags"}, is_first=was_loading)
    return message_json(message, None, ask.discord.happenings.cdn)


async def delete_message(ask: Ask) -> Answer:
    """Takes a message posted through it away; what follows a deleted "thinking ..." stands by itself."""
    opened, message = door(ask), _own(ask)
    ask.discord.happenings.delete(message)
    if isinstance(opened, Interaction) and opened.original is message:
        opened.original = None
    return None


LIMIT = Limit(5, 2.0)
_HOOK = "/webhooks/{webhook}/{token}"
_MESSAGE = _HOOK + "/messages/{message}"
ROUTES = [
    Route("POST", "/channels/{channel}/webhooks", create),
    Route("GET", "/channels/{channel}/webhooks", of_channel),
    Route("GET", _HOOK, read, needs_token=False),
    Route("PATCH", _HOOK, edit, needs_token=False),
    Route("DELETE", _HOOK, remove, needs_token=False),
    Route("POST", _HOOK, execute, LIMIT, needs_token=False),
    Route("GET", _MESSAGE, read_message, LIMIT, needs_token=False),
    Route("PATCH", _MESSAGE, edit_message, LIMIT, needs_token=False),
    Route("DELETE", _MESSAGE, delete_message, LIMIT, needs_token=False),
]
