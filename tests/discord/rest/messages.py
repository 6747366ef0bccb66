"""Messages: post, read, edit, delete."""

from itertools import islice

from tests.discord.gateway.intents import redacted
from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.drafts import Draft, draft, must_not_be_empty
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.message_payload import message_json
from tests.discord.world.model import Channel, Json, Message
from tests.discord.world.permissions import Permission

HISTORY_MAX = 100
REFERENCE_UNKNOWN = ("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")


async def post(ask: Ask) -> Answer:
    """A new message, maybe a reply, maybe with files."""
    channel = ask.channel
    ask.need(channel, Permission.SEND_MESSAGES)
    if any(not user.takes_dms for user in channel.recipients):
        raise Refused(50007)
    made = draft(ask.body, ask.files, ask.discord.rules)
    if made.attachments:
        ask.need(channel, Permission.ATTACH_FILES)
    refer(ask, channel, made)
    must_not_be_empty(made)
    ask.discord.world.attachments |= {file.id: file for file in made.attachments}
    return seen(ask, ask.discord.happenings.post(channel, ask.bot, made))


def refer(ask: Ask, channel: Channel, made: Draft) -> None:
    """Finds the message that is replied to.

    Raises:
        Refused: it is gone, and the request wants it to be there.
    """
    reference = ask.body.get("message_reference")
    if not reference:
        return
    made.reply_to = channel.messages.get(int(reference["message_id"]))
    made.is_reply = made.reply_to is not None
    if made.reply_to is None and reference.get("fail_if_not_exists", True):
        raise bad_field(*REFERENCE_UNKNOWN)
    if made.reply_to is not None:
        ask.need(channel, Permission.READ_MESSAGE_HISTORY)


def seen(ask: Ask, message: Message) -> Json:
    """The message as the bot may see it."""
    data = message_json(message, ask.bot, ask.discord.happenings.cdn)
    assert ask.application is not None
    return redacted(data, message, ask.bot, ask.application.privileged_intents)


async def history(ask: Ask) -> Answer:
    """Messages, newest first; `before`, `after` or `around` an id."""
    channel = ask.channel
    limit = int(ask.query.get("limit", 50))
    if not 1 <= limit <= HISTORY_MAX:
        raise bad_field("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    ask.need(channel, Permission.READ_MESSAGE_HISTORY)
    return [seen(ask, message) for message in _part(channel, ask, limit)]


def _part(channel: Channel, ask: Ask, limit: int) -> list[Message]:
    newest_first = list(reversed(channel.messages.values()))
    if "before" in ask.query:
        return [one for one in newest_first if one.id < int(ask.query["before"])][:limit]
    if "after" in ask.query:
        after = int(ask.query["after"])
        oldest = list(islice((one for one in channel.messages.values() if one.id > after), limit))
        return oldest[::-1]
    if "around" in ask.query:
        newer = sum(one.id > int(ask.query["around"]) for one in newest_first)
        first = max(0, newer - limit // 2)
        return newest_first[first : first + limit]
    return newest_first[:limit]


async def read(ask: Ask) -> Answer:
    """One message."""
    return seen(ask, ask.message)


async def edit(ask: Ask) -> Answer:
    """Changes an own message; of others only flags."""
    message = ask.message
    made = draft(ask.body, ask.files, ask.discord.rules)
    if message.author is not ask.bot:
        if set(ask.body) - {"flags", "allowed_mentions"}:
            raise Refused(50005)
        ask.need(message.channel, Permission.MANAGE_MESSAGES)
    keep(ask, message, made)
    ask.discord.happenings.edit(message, made, set(ask.body))
    return seen(ask, message)


def keep(ask: Ask, message: Message, made: Draft) -> None:
    """Files that `attachments` still names stay beside the new ones."""
    named = {str(one.get("id")) for one in ask.body.get("attachments") or []}
    made.attachments = [one for one in message.attachments if str(one.id) in named] + made.attachments
    ask.discord.world.attachments |= {file.id: file for file in made.attachments}
    changed = Draft(
        **{name: getattr(message, name) for name in ("content", "embeds", "components", "attachments")}
    )
    for name in set(ask.body) & {"content", "embeds", "components", "attachments"}:
        setattr(changed, name, getattr(made, name))
    must_not_be_empty(changed)


async def delete(ask: Ask) -> Answer:
    """Takes a message away; those of others with a permission."""
    message = ask.message
    if message.author is not ask.bot:
        if message.channel.guild is None:
            raise Refused(50013)
        ask.need(message.channel, Permission.MANAGE_MESSAGES)
    ask.discord.happenings.delete(message)
    return None


async def bulk_delete(ask: Ask) -> Answer:
    """Takes 2 to 100 messages away at once."""
    channel = ask.channel
    ask.need(channel, Permission.MANAGE_MESSAGES)
    ids = ask.body["messages"]
    if not 2 <= len(ids) <= HISTORY_MAX:
        raise bad_field("messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
    for id_ in ids:
        if int(id_) in channel.messages:
            ask.discord.happenings.delete(channel.messages[int(id_)])
    return None


_ONE = "/channels/{channel}/messages/{message}"
ROUTES = [
    Route("POST", "/channels/{channel}/messages", post, Limit(5, 5.0)),
    Route("GET", "/channels/{channel}/messages", history, Limit(10, 5.0)),
    Route("GET", _ONE, read, Limit(10, 5.0)),
    Route("PATCH", _ONE, edit, Limit(5, 5.0)),
    Route("DELETE", _ONE, delete, Limit(5, 1.0)),
    Route("POST", "/channels/{channel}/messages/bulk-delete", bulk_delete, Limit(1, 3.0)),
]
