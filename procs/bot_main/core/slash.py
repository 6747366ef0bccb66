"""Slash commands as they are declared to Discord, all below one group: `/miku <name>`. Pure.

Limits are those of Discord's "Application Commands"; a declaration that breaks one fails at once.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bus.errors import BadMessage

_NAME = re.compile(r"[a-z0-9_-]{1,32}\Z")
DESCRIPTION_CHARS = 100
OPTIONS = 25
"""Most options of a command, choices of an option and commands of a group."""


class OptionKind(StrEnum):
    """What a slash option takes."""

    TEXT = "text"
    VOICE = "voice"
    """A voice channel or stage; arrives as its id."""


@dataclass(frozen=True)
class SlashOption:
    """One option of a command; its value arrives as text."""

    name: str
    description: str
    kind: OptionKind = OptionKind.TEXT
    is_required: bool = False
    choices: tuple[str, ...] = ()
    """For text: nothing else can be chosen."""

    def __post_init__(self) -> None:
        _check(self.name, self.description)
        if len(self.choices) > OPTIONS or (self.choices and self.kind is not OptionKind.TEXT):
            raise BadMessage(f"slash option {self.name}: up to {OPTIONS} choices, of text only")


@dataclass(frozen=True)
class SlashCommand:
    """One command of the group."""

    name: str
    description: str
    options: tuple[SlashOption, ...] = ()
    """Required ones first."""
    default_level: str = ""
    """Who may use it unless a guild says otherwise; shown in the description, since Discord itself can
    restrict only the whole group."""
    is_hidden: bool = False
    """Whether its answer is usually seen by who asked alone."""

    def __post_init__(self) -> None:
        _check(self.name, self.shown)
        required = [option.is_required for option in self.options]
        if len(required) > OPTIONS or required != sorted(required, reverse=True):
            raise BadMessage(f"slash command {self.name}: up to {OPTIONS} options, required ones first")

    @property
    def shown(self) -> str:
        """Description as Discord shows it."""
        return f"{self.description} ({self.default_level})" if self.default_level else self.description


def _check(name: str, description: str) -> None:
    if not _NAME.match(name) or not 1 <= len(description) <= DESCRIPTION_CHARS:
        raise BadMessage(
            f"slash {name!r}: name of a-z, 0-9, - and _, description of 1 to {DESCRIPTION_CHARS} characters"
        )
