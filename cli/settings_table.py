"""All settings of all processes: checked as a whole, and written down. Declared in the nodes' `config.py`.

`python -m cli.docs` writes `docs/settings.md` and `miku.example.toml` from it; a test keeps them in step.
"""

import dataclasses
import importlib
import importlib.util
import json
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bus.errors import BadSettings
from bus.settings import (
    BaseSettings,
    BusSettings,
    Meta,
    SessionSettings,
    config_file,
    env_name,
    read_file,
    read_section,
    unknown_keys,
)
from bus.topics import NODES

S = TypeVar("S")

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / "miku.example.toml"


@dataclass(frozen=True)
class Settings:
    """Every section's values, as all processes of the stack will see them."""

    file: Path
    """The settings file, which may be absent."""
    values: tuple[object, ...]
    """One instance of each section."""

    def of(self, section: type[S]) -> S:
        """The values of a section."""
        return next(value for value in self.values if isinstance(value, section))


def configs() -> dict[str, type[Any]]:
    """Process → the `Config` that names the sections it reads."""
    names = {node: f"procs.{node}.config" for node in NODES}
    there = {node: name for node, name in names.items() if importlib.util.find_spec(name)}
    return {node: importlib.import_module(name).Config for node, name in there.items()}


def sections() -> list[type[Any]]:
    """Every section: the shared ones, then those that the nodes' `Config` classes name."""
    found: dict[str, type[Any]] = {s.SECTION: s for s in (BaseSettings, BusSettings, SessionSettings)}
    for config in configs().values():
        wholes = [s for s in typing.get_type_hints(config).values() if not getattr(s, "PARTIAL", False)]
        for section in wholes:
            known = found.setdefault(section.SECTION, section)
            assert known is section, f"[{section.SECTION}] is declared twice"
    return list(found.values())


def read(environ: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Read and check everything: file, environment, every section, unknown keys.

    Raises:
        BadSettings: one sentence per line for each thing that cannot be used.
    """
    environ = os.environ if environ is None else environ
    file = config_file(environ) if file is None else file
    try:
        return _read(environ, file)
    except (ValueError, OverflowError, RecursionError):
        raise BadSettings(
            f"{file.name} holds a number or a nesting beyond all bounds. Correct that line."
        ) from None


def _read(environ: Mapping[str, str], file: Path) -> Settings:
    table = read_file(file)
    complaints = unknown_keys(sections(), table, environ, file)
    values = []
    for section in sections():
        try:
            values.append(read_section(section, table, environ, file))
        except BadSettings as error:
            complaints.append(str(error))
    if complaints:
        raise BadSettings("\n".join(dict.fromkeys(complaints)))
    return Settings(file, tuple(values))


def document() -> str:
    """`docs/settings.md`: every key with its variable, default and meaning."""
    parts = [_DOCUMENT_HEAD]
    for section in sections():
        title = f"`[{section.SECTION}]`" if section.SECTION else "Top level"
        rows = [_row(section, field) for field in dataclasses.fields(section)]
        head = "| key | environment | default | meaning |\n|---|---|---|---|"
        parts.append(f"## {title}\n\n{_first_line(section)}\n\n" + "\n".join([head, *rows]))
    return "\n\n".join(parts) + "\n"


def example() -> str:
    """`miku.example.toml`: every key with its default, as a comment, and one line of why."""
    parts = [_EXAMPLE_HEAD]
    for section in sections():
        lines = [f"# {_first_line(section)}"]
        if section.SECTION:
            lines.append(f"[{section.SECTION}]")
        for field in dataclasses.fields(section):
            meta: Meta = field.metadata["meta"]
            lines += ["", f"# {meta.doc}{_limits(meta)}", f"#{field.name} = {_toml(field.default)}"]
        parts.append("\n".join(lines))
    return "\n\n\n".join(parts) + "\n"


_DOCUMENT_HEAD = """# Settings

Made from the sections in the code by `python -m cli.docs`; do not edit.

Settings come from `miku.toml` in the working folder (or the file that `MIKU_CONFIG` names). Each key can be
overridden by the variable beside it; a variable wins over the file, the file over the default. Unknown keys
are refused with the nearest name. A file that holds secrets must be readable by its owner alone
(`chmod 600 miku.toml`). Lists are written `["a", "b"]` in the file and `a,b` in a variable.
`./miku init` writes a file, `./miku doctor` checks it, `miku.example.toml` shows every key."""

_EXAMPLE_HEAD = """# Every setting with its default. Copy what you change into miku.toml, without its `#`.
# A file with secrets must be readable by you alone: chmod 600 miku.toml"""


def _row(section: type[Any], field: "dataclasses.Field[Any]") -> str:
    meta: Meta = field.metadata["meta"]
    names = [env_name(section.SECTION, field.name), *meta.aliases]
    meaning = f"{meta.doc}{_limits(meta)}" + (" Secret." if meta.secret else "")
    cells = (
        f"`{field.name}`",
        ", ".join(f"`{name}`" for name in names),
        f"`{_toml(field.default)}`",
        meaning.replace("|", "\\|"),
    )
    return "| " + " | ".join(cells) + " |"


def _limits(meta: Meta) -> str:
    if meta.choices:
        return f" One of {meta.one_of}."
    if meta.minimum is not None and meta.maximum is not None:
        return f" {meta.minimum:,.12g} to {meta.maximum:,.12g}."
    if meta.minimum is not None:
        return f" At least {meta.minimum:,.12g}."
    return f" At most {meta.maximum:,.12g}." if meta.maximum is not None else ""


def _toml(value: object) -> str:
    """A default as TOML writes it; JSON agrees with TOML on texts, numbers, booleans and lists."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _first_line(section: type[Any]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]
