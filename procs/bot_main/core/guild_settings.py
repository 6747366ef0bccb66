"""Settings of one server: the table, what a value must look like, and how it is kept. Pure.

A server's document is `{name: {"value": v, "by": user id, "at_ms": wall ms}}`; what it lacks has its
default. Whatever stands in a document is judged again when it is read: it may be of another version.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from procs.bot_main.core import named, quiet
from procs.bot_main.core.chat import Names

MAX_IDS = 50


class Kind(StrEnum):
    """What a setting holds."""

    NUMBER = "number"
    SWITCH = "switch"
    ROLE = "role"
    CHANNEL = "channel"
    CHANNELS = "channels"
    PEOPLE = "people"
    HOURS = "hours"
    """Two minutes of the day, as `core/quiet.py` has them."""


Value = int | bool | tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One setting."""

    name: str
    kind: Kind
    default: Value
    help: str
    minimum: int = 0
    maximum: int = 0


SETTINGS: tuple[Row, ...] = (
    Row("prompt_channel", Kind.CHANNEL, 0, "Text channel whose messages she answers aloud; none = where "
        "she was called."),
    Row("voice_channels", Kind.CHANNELS, (), "Voice channels she may join; none = all that she can see."),
    Row("host_role", Kind.ROLE, 0, "Role whose members may end every session."),
    Row("talker_role", Kind.ROLE, 0, "Role that may call her and prompt her; none = every member."),
    Row("blocked", Kind.PEOPLE, (), "People who may neither prompt nor command her."),
    Row("leave_when_alone_s", Kind.NUMBER, 120, "Seconds after which she leaves an empty voice channel; "
        "0 = never.", 0, 86_400),
    Row("max_waiting", Kind.NUMBER, 30, "Prompts that may wait in a session.", 1, 100),
    Row("max_waiting_each", Kind.NUMBER, 5, "Of these, prompts of one person.", 1, 100),
    Row("max_spoken_s", Kind.NUMBER, 60, "Seconds that an answer is spoken, to the end of its sentence; "
        "a longer one is written in full. 0 = any length.", 0, 3_600),
    Row("quiet_hours", Kind.HOURS, (), "Hours without her voice and without a word that nobody asked "
        "for, in the time zone of `schedule zone`."),
    Row("notices", Kind.SWITCH, True, "Whether she explains what she can't do while she speaks; off = "
        "at most a 🎤 shows that she has seen it."),
    Row("reply_by_mention", Kind.SWITCH, True, "Whether she answers in text when she is mentioned."),
    Row("panel", Kind.SWITCH, True, "Whether a session has a panel with buttons."),
)  # fmt: skip

_ROWS = {row.name: row for row in SETTINGS}
_PERSON = re.compile(r"<@!?([0-9]{1,20})>|([0-9]{1,20})")


@dataclass(frozen=True)
class GuildSettings:
    """All values of one server."""

    prompt_channel: int = 0
    voice_channels: tuple[int, ...] = ()
    host_role: int = 0
    talker_role: int = 0
    blocked: tuple[int, ...] = ()
    leave_when_alone_s: int = 120
    max_waiting: int = 30
    max_waiting_each: int = 5
    max_spoken_s: int = 60
    quiet_hours: tuple[int, ...] = ()
    notices: bool = True
    reply_by_mention: bool = True
    panel: bool = True


@dataclass(frozen=True)
class Wrong:
    """A change that can't be made."""

    said: str
    """Why, and what would do, for people."""


def values(document: Mapping[str, Any] | None) -> GuildSettings:
    """A document's values; what can't be used has its default."""
    kept = {}
    for name, entry in (document or {}).items():
        value = _read(_ROWS[name], entry) if name in _ROWS else None
        if value is not None:
            kept[name] = value
    return GuildSettings(**kept)  # type: ignore[arg-type]


def _read(row: Row, entry: Any) -> Value | None:
    value = entry.get("value") if isinstance(entry, dict) else None
    if isinstance(value, list):
        value = tuple(value)
    return value if _fits(row, value) else None


def _fits(row: Row, value: Any) -> bool:
    match row.kind:
        case Kind.SWITCH:
            return isinstance(value, bool)
        case Kind.NUMBER:
            return type(value) is int and row.minimum <= value <= row.maximum
        case Kind.ROLE | Kind.CHANNEL:
            return type(value) is int and value >= 0
        case Kind.HOURS:
            return isinstance(value, tuple) and quiet.fits(value)
    return isinstance(value, tuple) and len(value) <= MAX_IDS and all(type(v) is int for v in value)


def changed(
    document: Mapping[str, Any] | None, name: str, text: str, by: int, at_ms: int, names: Names
) -> dict[str, Any] | Wrong:
    """The document with one setting changed; `default` takes a change back.

    Args:
        names: what the server's channels and roles are called.
    """
    row = _ROWS.get(name.lower())
    if row is None:
        near = difflib.get_close_matches(name.lower()[:40], list(_ROWS), n=1)
        offer = f" Did you mean `{near[0]}`?" if near else f" There are: {', '.join(_ROWS)}."
        return Wrong(f"❌ There is no such setting.{offer}")
    kept = {key: entry for key, entry in (document or {}).items() if key != row.name}
    if text.strip().lower() == "default":
        return kept
    try:
        value = _parsed(row, text.strip(), names)
    except named.Unclear as unclear:
        return Wrong(f"❌ `{row.name}` takes {_wanted(row)}. {unclear}")
    if value is None:
        return Wrong(f"❌ `{row.name}` takes {_wanted(row)}. {row.help}")
    stored = list(value) if isinstance(value, tuple) else value
    return {**kept, row.name: {"value": stored, "by": by, "at_ms": at_ms}}


def _parsed(row: Row, text: str, names: Names) -> Value | None:
    """The value of what somebody wrote, None if it is none."""
    is_none = text.lower() == "none"
    value: Value | None = None
    match row.kind:
        case Kind.SWITCH:
            value = {"on": True, "off": False}.get(text.lower())
        case Kind.NUMBER:
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
        case Kind.HOURS:
            value = () if is_none else quiet.parsed(text)
        case Kind.CHANNEL:
            value = 0 if is_none else named.one(text, names.writable, "#")
        case Kind.ROLE:
            value = 0 if is_none else named.one(text, names.roles, "@")
        case Kind.CHANNELS:
            value = () if is_none else named.several(text, names.voice, "#")
        case Kind.PEOPLE:
            value = () if is_none else _people(text)
    return value if _fits(row, value) else None


def _people(text: str) -> tuple[int, ...] | None:
    """Who is mentioned; names won't do, since people have several and change them."""
    found = [_PERSON.fullmatch(word) for word in text.replace(",", " ").split()]
    return tuple(dict.fromkeys(int(one[1] or one[2]) for one in found if one)) if all(found) else None


_WANTED = {
    Kind.SWITCH: "`on` or `off`",
    Kind.NUMBER: "a number from {row.minimum} to {row.maximum}",
    Kind.ROLE: "a role like @name, its name or id, or `none`",
    Kind.CHANNEL: "a text channel like #name, its name or id, or `none`",
    Kind.CHANNELS: f"up to {MAX_IDS} voice channels like #one #two, their names or ids, or `none`",
    Kind.PEOPLE: f"up to {MAX_IDS} people like @one @two, or `none`",
    Kind.HOURS: "two times like 22:00-07:00, or `none`",
}


def _wanted(row: Row) -> str:
    return _WANTED[row.kind].format(row=row)


def shown(document: Mapping[str, Any] | None, name: str = "") -> str:
    """Values, defaults, and who changed what and when, for people."""
    rows = [_ROWS[name.lower()]] if name.lower() in _ROWS else list(SETTINGS)
    return "\n".join(_line(row, document or {}) for row in rows)


def cells(row: Row) -> tuple[str, ...]:
    """A setting's line in the documents: name, what it takes, default, what for."""
    return f"`{row.name}`", _wanted(row), _text(row, row.default), row.help


def written(row: Row, document: Mapping[str, Any] | None) -> str:
    """A setting's value in words that `changed` takes."""
    value = getattr(values(document), row.name)
    is_named = row.kind in (Kind.ROLE, Kind.CHANNEL, Kind.CHANNELS, Kind.PEOPLE)
    if not is_named:
        return _text(row, value)
    return " ".join(map(str, value if isinstance(value, tuple) else [value] if value else [])) or "none"


def _line(row: Row, document: Mapping[str, Any]) -> str:
    value = getattr(values(document), row.name)
    text = f"`{row.name}` = {_text(row, value)}"
    entry = document.get(row.name)
    if not isinstance(entry, dict) or _read(row, entry) is None:
        return f"{text} (default). {row.help}"
    by, at_ms = entry.get("by"), entry.get("at_ms")
    who = f" by <@{by}> <t:{at_ms // 1000}:R>" if isinstance(by, int) and isinstance(at_ms, int) else ""
    return f"{text} (default {_text(row, row.default)}; changed{who}). {row.help}"


def _text(row: Row, value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if row.kind is Kind.NUMBER:
        return str(value)
    if row.kind is Kind.HOURS and isinstance(value, tuple):
        return quiet.shown(value)
    ids = value if isinstance(value, tuple) else (value,) if value else ()
    mark = {Kind.ROLE: "<@&{}>", Kind.PEOPLE: "<@{}>"}.get(row.kind, "<#{}>")
    return " ".join(mark.format(one) for one in ids) or "none"
