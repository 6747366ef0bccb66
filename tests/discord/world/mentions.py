"""Who a message notifies: the mentions in its text, cut down by what its writer allows and may.

Source: Discord's "Allowed Mentions Object".
"""

import re

from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Channel, Json, Pings, User
from tests.discord.world.permissions import Permission, may

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
"""Nothing inside of code notifies anybody."""
ALL_KINDS = ["everyone", "users", "roles"]


def pings(
    content: str, author: User, channel: Channel, allowed: Json | None, replied_to: User | None
) -> Pings:
    """Who is notified by `content`.

    Raises:
        Refused: `allowed` contradicts itself (a kind both in `parse` and listed).
    """
    rules = _rules(allowed)
    text = _CODE.sub(" ", content)
    listens = may(author, channel, Permission.MENTION_EVERYONE)
    users = [id_ for id_ in _ids(_USER, text) if _is_allowed(id_, "users", rules) and _is_here(id_, channel)]
    if replied_to and rules["replied_user"] and replied_to.id not in users and replied_to is not author:
        users.append(replied_to.id)
    roles = channel.guild.roles if channel.guild else {}
    return Pings(
        everyone="everyone" in rules["parse"] and listens and bool(_EVERYONE.search(text)),
        users=tuple(users),
        roles=tuple(
            id_
            for id_ in _ids(_ROLE, text)
            if _is_allowed(id_, "roles", rules) and id_ in roles and (listens or roles[id_].mentionable)
        ),
    )


def _rules(allowed: Json | None) -> Json:
    """Without any say of the writer everything counts, the one replied to included."""
    if allowed is None:
        return {"parse": ALL_KINDS, "users": [], "roles": [], "replied_user": True}
    rules: Json = {"parse": [], "users": [], "roles": [], "replied_user": False, **allowed}
    for kind in ("users", "roles"):
        if kind in rules["parse"] and rules[kind]:
            text = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise bad_field("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", text)
        if len(rules[kind]) > 100:
            raise Refused(50035)
    return rules


def _ids(pattern: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(int(id_) for id_ in pattern.findall(text)))


def _is_allowed(id_: int, kind: str, rules: Json) -> bool:
    return kind in rules["parse"] or id_ in map(int, rules[kind])


def _is_here(user_id: int, channel: Channel) -> bool:
    if channel.guild:
        return user_id in channel.guild.members
    return any(user.id == user_id for user in channel.recipients)
