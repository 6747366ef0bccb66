"""Slash commands on Discord's wire: how they are declared, and what comes back. Pure.

Source: Discord's "Application Commands" and "Interactions".
"""

from procs.bot_main.backends.discord_posts import Json, clicked
from procs.bot_main.core.pages import sound
from procs.bot_main.core.slash import OptionKind, SlashCommand, SlashOption

GROUP = "miku"
SLASH, BUTTON = 2, 3
"""Kinds of interactions."""
_SUBCOMMAND = 1
_TYPES = {OptionKind.TEXT: 3, OptionKind.VOICE: 7}
_VOICE_CHANNELS = [2, 13]
"""Types of channels that can be chosen: voice channels and stages."""
VALUE_CHARS = 4_000
"""What is taken of an option's text."""


def declaration(commands: tuple[SlashCommand, ...]) -> list[Json]:
    """All commands as Discord wants to be told: one group; none = nothing is registered."""
    if not commands:
        return []
    group = {"name": GROUP, "type": 1, "description": "Talk with Miku"}
    return [group | {"options": [_command(one) for one in commands]}]


def _command(command: SlashCommand) -> Json:
    options = [_option(one) for one in command.options]
    return {
        "type": _SUBCOMMAND,
        "name": command.name,
        "description": command.shown,
        "options": options,
    }


def _option(option: SlashOption) -> Json:
    made: Json = {
        "type": _TYPES[option.kind],
        "name": option.name,
        "description": option.description,
        "required": option.is_required,
    }
    if option.choices:
        made["choices"] = [{"name": one, "value": one} for one in option.choices]
    if option.kind is OptionKind.VOICE:
        made["channel_types"] = _VOICE_CHANNELS
    return made


def asked(kind: int, data: Json) -> tuple[str, dict[str, str]] | None:
    """Command and arguments of an interaction; None where it is none of ours."""
    if kind == BUTTON:
        return clicked(str(data.get("custom_id", "")))
    steps = data.get("options") or []
    if kind != SLASH or data.get("name") != GROUP or len(steps) != 1:
        return None
    given = steps[0].get("options") or []
    arguments = {str(one["name"]): sound(str(one.get("value"))[:VALUE_CHARS]) for one in given}
    return str(steps[0]["name"]), arguments
