"""Registration of slash commands, everywhere or in one guild; checked as Discord checks them."""

import re
from typing import Any

from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Json
from tests.discord.world.snowflakes import new_id

_NAME = re.compile(r"^[-_'\w]{1,32}$")
SUBCOMMAND, GROUP = 1, 2


def _where(ask: Ask) -> int:
    """0 = everywhere, else the guild's id. Raises: Refused."""
    assert ask.application is not None
    if ask.path["application"] != str(ask.application.id):
        raise Refused(50001)
    return ask.guild.id if "guild" in ask.path else 0


async def overwrite(ask: Ask) -> Answer:
    """These commands and no others."""
    where = _where(ask)
    assert ask.application is not None
    for number, command in enumerate(ask.body):
        check(command, str(number))
    names = [(command["name"], command.get("type", 1)) for command in ask.body]
    if len(set(names)) < len(names):
        raise bad_field(
            "name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
        )
    made = [_made(ask, command, where) for command in ask.body]
    ask.application.commands[where] = made
    return made


def _made(ask: Ask, command: Json, where: int) -> Json:
    assert ask.application is not None
    known = {one["name"]: one["id"] for one in ask.application.commands.get(where, [])}
    made = {
        "description": "",
        "default_member_permissions": None,
        **command,
        "id": known.get(command["name"]) or str(new_id()),
        "application_id": str(ask.application.id),
        "version": str(new_id()),
        "type": command.get("type", 1),
    }
    return made | {"guild_id": str(where)} if where else made


def check(command: Any, at: str) -> None:
    """Raises: Refused 50035 for a name, description or option that Discord would not take."""
    name = command.get("name") or ""
    is_slash = command.get("type", 1) == 1 or "options" in command
    if is_slash and (not _NAME.match(name) or name != name.lower()):
        raise bad_field(f"{at}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if is_slash and not 1 <= len(command.get("description") or "") <= 100:
        raise bad_field(f"{at}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    options = command.get("options") or []
    if len(options) > 25:
        raise bad_field(f"{at}.options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    optional = False
    for number, option in enumerate(options):
        check(option | {"type": 1}, f"{at}.options.{number}")
        if option["type"] not in (SUBCOMMAND, GROUP):
            if option.get("required") and optional:
                text = "Required options must be placed before non-required options"
                raise bad_field(f"{at}.options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
            optional = not option.get("required")


async def registered(ask: Ask) -> Answer:
    """What is registered."""
    where = _where(ask)
    assert ask.application is not None
    return list(ask.application.commands.get(where, []))


async def create(ask: Ask) -> Answer:
    """One command more, or another of the same name."""
    where = _where(ask)
    assert ask.application is not None
    check(ask.body, "0")
    made = _made(ask, ask.body, where)
    others = [one for one in ask.application.commands.get(where, []) if one["name"] != made["name"]]
    ask.application.commands[where] = [*others, made]
    return made


_ALL = "/applications/{application}/commands"
_GUILD = "/applications/{application}/guilds/{guild}/commands"
LIMIT = Limit(5, 20.0)
ROUTES = [
    Route(method, template, handle, LIMIT)
    for template in (_ALL, _GUILD)
    for method, handle in (("PUT", overwrite), ("GET", registered), ("POST", create))
]
