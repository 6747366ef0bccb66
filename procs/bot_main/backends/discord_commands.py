"""Slash commands on Discord's wire: how they are declared, and what comes back. Pure.

Source: Discord's "Application Commands" and "Interactions".
"""

from typing import Any

from procs.bot_main.backends.discord_posts import Json, clicked
from procs.bot_main.core.pages import sound
from procs.bot_main.core.slash import OptionKind, SlashCommand, SlashOption

GROUP = "miku"
SLASH, BUTTON = 2, 3
"""Kinds of interactions."""
_SUBCOMMAND = 1
_VOICE_KINDS, _TEXT_KINDS = [2, 13], [0, 5, 10, 11, 12]
_TYPES = {
    OptionKind.TEXT: 3,
    OptionKind.NUMBER: 4,
    OptionKind.YES: 5,
    OptionKind.USER: 6,
    OptionKind.VOICE: 7,
    OptionKind.CHANNEL: 7,
}
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
    if option.kind in (OptionKind.VOICE, OptionKind.CHANNEL):
        made["channel_types"] = _VOICE_KINDS if option.kind is OptionKind.VOICE else _TEXT_KINDS
    return made


def asked(kind: int, data: Json) -> tuple[str, dict[str, str]] | None:
    """Command and arguments of an interaction; None where it is none of ours."""
    if kind == BUTTON:
        return clicked(str(data.get("custom_id", "")))
    steps = data.get("options") or []
    if kind != SLASH or data.get("name") != GROUP or len(steps) != 1:
        return None
    arguments = {str(one["name"]): _plain(one.get("value")) for one in steps[0].get("options") or []}
    return str(steps[0]["name"]), arguments


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else sound(str(value)[:VALUE_CHARS])
