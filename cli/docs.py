"""Makes what is generated in the documents: `python -m cli.docs` writes it, tests compare it.

Declared once, derived here: topics, header and messages from `bus/`, the session machine from its node,
settings from every node's `config.py` and with them the secrets that `supervisord.conf` withholds, commands
and server settings from bot_main.
"""

import ast
import dataclasses
import re
import typing
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import bus.header
import bus.messages
from bus.topics import TOPICS, Pattern, Topic
from cli import secrets, settings_table
from cli.stack import CONF
from procs.bot_main.backends.discord_permissions import PERMISSIONS
from procs.bot_main.core import commands, guild_settings
from procs.bot_main.core.gate import FEATURES, Action
from procs.discord_voice.core import link as voice_link
from procs.sink.core import session as session_machine

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = ROOT / "bus" / "PROTOCOL.md"
FEATURES_PAGE = ROOT / "docs" / "features.md"
COMMANDS = ROOT / "docs" / "commands.md"
VOICE_FAULTS = ROOT / "docs" / "voice-faults.md"
DISCORD, USER_GUIDE = ROOT / "docs" / "discord.md", ROOT / "docs" / "user-guide.md"
PAGES = (PROTOCOL, COMMANDS, FEATURES_PAGE, VOICE_FAULTS, DISCORD, USER_GUIDE)
"""Pages with marked tables."""


def field_docs(module_file: str) -> dict[str, dict[str, str]]:
    """Class name → name of field or member → the text below it."""
    classes = [n for n in ast.parse(Path(module_file).read_text()).body if isinstance(n, ast.ClassDef)]
    return {node.name: dict(_texts(node)) for node in classes}


def _texts(node: ast.ClassDef) -> list[tuple[str, str]]:
    found = []
    for statement, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
        else:
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found.append((name, " ".join(str(below.value.value).split())))
    return found


def type_name(hint: Any) -> str:
    """A type as the protocol page names it."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        return f"array of {type_name(typing.get_args(hint)[0])}"
    if origin is dict:
        return f"map of str to {type_name(typing.get_args(hint)[1])}"
    return str(hint.__name__)


def header_table() -> str:
    """The header's fields."""
    docs = field_docs(bus.header.__file__)["Header"]
    hints = typing.get_type_hints(bus.header.Header)
    return _table(("field", "type", "meaning"), [(f"`{n}`", type_name(hints[n]), docs[n]) for n in hints])


def topics_table() -> str:
    """Every topic with its writer, readers, message and limits; nodes of a family share a row."""
    rows = [
        (f"`{row.name}`", row.pattern, ", ".join(row.writers), _readers(row), f"`{row.message.__name__}`",
         _limit(row), row.doc)
        for row in TOPICS.values()
    ]  # fmt: skip
    return _table(("topic", "pattern", "writer", "readers", "message", "limit or period", "what"), rows)


def _readers(row: Topic) -> str:
    return "all" if len(row.readers) > 8 else ", ".join(row.readers)


def _limit(row: Topic) -> str:
    if row.pattern in (Pattern.FLOW, Pattern.REQUEST):
        return f"{row.limit:,} messages"
    if row.pattern is Pattern.EVENT:
        return "-"
    lease = f"lease {row.lease_ms // 1000} s" if row.lease_ms else "no lease"
    return f"{row.period_ms // 1000} s, {lease}"


def session_table() -> str:
    """The session machine, row by row."""
    rows = [(t.state, t.event, t.next, t.note) for t in session_machine.TRANSITIONS]
    return _table(("in", "on", "goes to", "why and what else"), rows)


def features_table() -> str:
    """What becomes of each feature during a session, in the order in which a message is offered to them."""
    rows = [
        (f.title, f"`{f.name}`", f.action, f.running, f.sentence or "-", "yes" if f.is_marked else "no")
        for f in FEATURES
    ]
    return _table(("feature", "name", "during a session", "running work", "who asks reads", "🎤"), rows)


def voice_faults_table() -> str:
    """What is done about each end of a voice connection."""
    rows = [
        (row.event, ", ".join(map(str, row.codes)) or "-", _moves(row), f"`{row.error}`", row.note)
        for row in voice_link.ROWS
    ]
    return _table(("what happened", "close codes", "tried in order", "then ends with", "meaning"), rows)


def _moves(row: voice_link.Row) -> str:
    return ", ".join(f"`{move}`" for move in row.moves) or "nothing"


def messages_text() -> str:
    """Every message and enumeration with its fields."""
    docs = field_docs(bus.messages.__file__)
    sections = []
    for name, value in vars(bus.messages).items():
        if isinstance(value, type) and value.__module__ == bus.messages.__name__:
            describe = _enumeration if issubclass(value, Enum) else _message
            first_line = (value.__doc__ or "").strip().splitlines()[0]
            sections.append(f"### {name}\n\n{first_line}\n\n{describe(value, docs[name])}")
    return "\n\n".join(sections)


def _message(message: type, docs: dict[str, str]) -> str:
    hints = typing.get_type_hints(message)
    rows = [
        (f"`{f.name}`", type_name(hints[f.name]), _default(f), docs[f.name])
        for f in dataclasses.fields(message)
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "`{}`"
    if field.default is dataclasses.MISSING:
        return "required"
    return f"`{field.default!r}`"


def _enumeration(members: type[Enum], docs: dict[str, str]) -> str:
    return _table(("value", "meaning"), [(f"`{m.value}`", docs.get(m.name, "-")) for m in members])


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def commands_table() -> str:
    """Every command of the chat."""
    head = ("command", "slash", "button", "who", "what", "example")
    return _table(head, [commands.cells(row) for row in commands.COMMANDS])


def permissions_table() -> str:
    """What the invitation asks for."""
    return _table(("permission", "what for"), [(p.name, p.reason) for p in PERMISSIONS])


def standing_back_table() -> str:
    """What people notice of each feature during a session."""
    noticed = {Action.SILENT: "rests", Action.PAUSED: "waits", Action.QUEUED: "kept, and answered afterwards"}
    return _table(("feature", "meanwhile"), [(f.title, f.sentence or noticed[f.action]) for f in FEATURES])


def guild_settings_table() -> str:
    """Every setting of a server."""
    rows = [guild_settings.cells(row) for row in guild_settings.SETTINGS]
    return _table(("setting", "takes", "default", "what for"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "header": header_table,
    "topics": topics_table,
    "session": session_table,
    "features": features_table,
    "messages": messages_text,
    "voice_faults": voice_faults_table,
    "commands": commands_table,
    "guild_settings": guild_settings_table,
    "permissions": permissions_table,
    "standing_back": standing_back_table,
}


def rendered(text: str) -> str:
    """The page with every marked table made anew."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n\n{TABLES[match[1]]()}\n\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rendered(page.read_text()))
    settings_table.DOCUMENT.write_text(settings_table.document())
    settings_table.EXAMPLE.write_text(settings_table.example())
    CONF.write_text(secrets.rendered(CONF.read_text()))
