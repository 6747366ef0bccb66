"""Settings: one TOML file and the environment become frozen dataclasses, or one clear sentence.

A section is a frozen dataclass whose fields are made by `setting(...)` and whose class carries
`SECTION`; a node's `Config` names the sections it needs, or parts of one (`bus/shared_settings.py`). Every
key can be overridden by `MIKU_<SECTION>__<KEY>` (top-level keys by `MIKU_<KEY>`), and some by names
besides (aliases).
`docs/settings.md` and `miku.example.toml` are derived from the same fields (`cli/settings_table.py`).
"""

import dataclasses
import difflib
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from bus.errors import BadSettings

C = TypeVar("C")

ENV_PREFIX = "MIKU_"

MAX_NUMBER = 2**53
"""No setting needs more, and beyond it a whole number has no exact float."""


@dataclass(frozen=True)
class Meta:
    """What is known of a setting besides its type and default."""

    doc: str
    secret: bool = False
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def one_of(self) -> str:
        """The choices as a sentence names them; the empty text as it is written."""
        return ", ".join(choice or '""' for choice in self.choices)


def setting(
    default: object,
    doc: str,
    *,
    secret: bool = False,
    aliases: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """A field of a section: its default, one line of why, and its limits (inclusive).

    Args:
        secret: shown as `***`; may be read from the environment or a file of mode 0600 only.
        aliases: further environment names that are honoured.
    """
    meta = Meta(doc, secret, aliases, choices, minimum, maximum)
    return field(default=default, metadata={"meta": meta}, repr=not secret)


@dataclass(frozen=True)
class BaseSettings:
    """What every process needs: where state lies and where the bus is."""

    SECTION: ClassVar[str] = ""

    state_dir: str = setting("state", "Folder for keys, recordings and databases.")
    log_level: str = setting(
        "info", "Least level that is logged.", choices=("debug", "info", "warning", "error")
    )

    @property
    def state_path(self) -> Path:
        """The state folder, absolute."""
        return Path(self.state_dir).expanduser().absolute()


@dataclass(frozen=True)
class BusSettings:
    """Where the bus is."""

    SECTION: ClassVar[str] = "bus"

    host: str = setting(
        "127.0.0.1", "Address the sockets bind and connect to; keys guard them even on loopback."
    )
    base_port: int = setting(
        17_100,  # below the ports that Linux gives to outgoing connections
        "First of 40 ports used by one stack; change it to run two.",
        minimum=1024,
        maximum=65_000,
    )


@dataclass(frozen=True)
class SessionSettings:
    """How many sessions there may be, and how long they last; read by every sink and by bot_main."""

    SECTION: ClassVar[str] = "session"

    max_sessions: int = setting(1, "Sessions at once; two graphics cards carry one.", minimum=1, maximum=1000)
    idle_leave_s: int = setting(
        120, "A session without prompts ends after this many seconds; 0 = never.", minimum=0, maximum=86_400
    )
    start_timeout_s: float = setting(
        10.0, "A session must be active within this time.", minimum=1, maximum=120
    )


def load(config: type[C], environ: Mapping[str, str] | None = None, file: Path | None = None) -> C:
    """Read a node's settings.

    Args:
        config: frozen dataclass whose fields are sections.
        environ: environment, the process's own by default.
        file: TOML file; by default `$MIKU_CONFIG` or `miku.toml` here, which may be absent.

    Raises:
        BadSettings: an unknown key, a wrong type or a value out of range, with key, reason and remedy.
    """
    environ = os.environ if environ is None else environ
    file = config_file(environ) if file is None else file
    table = read_file(file)
    hints = typing.get_type_hints(config)
    sections = {
        f.name: read_section(hints[f.name], table, environ, file)
        for f in dataclasses.fields(config)  # type: ignore[arg-type]
    }
    return config(**sections)


def config_file(environ: Mapping[str, str]) -> Path:
    """The settings file that counts: `$MIKU_CONFIG`, else `miku.toml` in the working folder."""
    return Path(environ.get(f"{ENV_PREFIX}CONFIG") or "miku.toml").absolute()


def read_file(file: Path) -> dict[str, Any]:
    """The file as nested tables; {} if there is none.

    Raises:
        BadSettings: unreadable, not UTF-8, or not TOML; the text names line and column.
    """
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{file.name} is not valid TOML: {error}. Correct that line.") from None
    except (ValueError, RecursionError):  # the library's own limits: digits of a number, depth of a list
        raise BadSettings(f"{file.name} holds a number or a nesting beyond all bounds.") from None
    except OSError as error:
        raise BadSettings(f"{file.name} can't be read: {error.strerror}. Correct its permissions.") from None


def read_section(section: type[C], table: dict[str, Any], environ: Mapping[str, str], file: Path) -> C:
    """One section's values, checked; environment before file before default."""
    name: str = section.SECTION  # type: ignore[attr-defined]
    given = _given(name, table)
    known = {f.name: f for f in dataclasses.fields(section)}  # type: ignore[arg-type]
    for key in given:
        if key not in known and name and not getattr(section, "PARTIAL", False):
            raise BadSettings(_unknown(f"{name}.{key}", [f"{name}.{k}" for k in known], file))
    hints = typing.get_type_hints(section)
    values = {}
    for key, f in known.items():
        meta: Meta = f.metadata["meta"]
        source = next((n for n in (env_name(name, key), *meta.aliases) if environ.get(n)), None)
        if source is not None:
            values[key] = _checked(source, environ[source], hints[key], meta, from_text=True)
        elif key in given:
            if meta.secret:
                _require_private(file, _dotted(name, key))
            where = _place(_dotted(name, key), file) + _dotted(name, key)
            values[key] = _checked(where, given[key], hints[key], meta, from_text=False)
    return section(**values)


def env_name(section: str, key: str) -> str:
    """The environment variable that overrides a setting."""
    return ENV_PREFIX + (f"{section}__{key}" if section else key).upper()


def unknown_keys(
    sections: list[type[Any]], table: dict[str, Any], environ: Mapping[str, str], file: Path
) -> list[str]:
    """One sentence for each key of file or environment that no section knows (for `miku up` and `doctor`)."""
    known = {(s.SECTION, f.name) for s in sections for f in dataclasses.fields(s)}
    names = [f"{s}.{k}" if s else k for s, k in known]
    complaints = []
    for name, value in table.items():
        keys = [(name, k) for k in value] if isinstance(value, dict) else [("", name)]
        if isinstance(value, dict) and not any(s == name for s, _ in known):
            complaints.append(_unknown(f"[{name}]", [f"[{s}]" for s, _ in known if s], file))
            continue
        complaints += [_unknown(_dotted(*k), names, file) for k in keys if k not in known]
    env_known = {env_name(*pair) for pair in known} | {f"{ENV_PREFIX}CONFIG"}
    for name in environ:
        if name.startswith(ENV_PREFIX) and name not in env_known:
            complaints.append(_unknown(name, sorted(env_known), None))
    return complaints


def masked(section: object) -> dict[str, object]:
    """A section's values for people: secrets as `***` when set."""
    return {
        f.name: "***" if f.metadata["meta"].secret and getattr(section, f.name) else getattr(section, f.name)
        for f in dataclasses.fields(section)  # type: ignore[arg-type]
    }


SHOWN_CHARACTERS = 200
"""Of one value; what is longer is cut where people look at it."""


def shown(config: object) -> dict[str, str]:
    """All values of a node's settings as text for people: `section.key` → value.

    Secrets are masked, and so is what stands before the host of an address.
    """
    sections = [getattr(config, f.name) for f in dataclasses.fields(config)]  # type: ignore[arg-type]
    return {
        _dotted(section.SECTION, key): re.sub(r"//[^/@\s]*@", "//***@", _text(value))[:SHOWN_CHARACTERS]
        for section in sections
        for key, value in masked(section).items()
    }


def _text(value: object) -> str:
    """As it is written in a sentence."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _given(name: str, table: dict[str, Any]) -> dict[str, Any]:
    if not name:
        return {key: value for key, value in table.items() if not isinstance(value, dict)}
    given = table.get(name, {})
    if not isinstance(given, dict):
        raise BadSettings(f"{name} is a section: write [{name}] on a line of its own, its keys below.")
    return given


def _dotted(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def _checked(where: str, raw: Any, hint: Any, meta: Meta, *, from_text: bool) -> Any:
    value = _from_text(where, raw, hint) if from_text else _from_toml(where, raw, hint)
    if meta.choices and value not in meta.choices:
        near = difflib.get_close_matches(str(value), meta.choices, n=1)
        hint_text = f"; did you mean {near[0]!r}?" if near else ""
        raise BadSettings(f"{where} must be one of {meta.one_of}{hint_text}")
    if meta.minimum is not None and value < meta.minimum:
        raise BadSettings(f"{where} must be at least {meta.minimum:g}; it is {value:g}")
    if meta.maximum is not None and value > meta.maximum:
        raise BadSettings(f"{where} must be at most {meta.maximum:g}; it is {value:g}")
    return value


_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _from_text(where: str, raw: str, hint: Any) -> Any:
    if hint is bool:
        if raw.lower() not in _TRUE | _FALSE:
            raise BadSettings(f"{where} must be true or false; it is {raw!r}")
        return raw.lower() in _TRUE
    if typing.get_origin(hint) is tuple:
        return tuple(part for part in raw.split(",") if part)
    try:
        value = hint(raw)
    except ValueError:
        raise BadSettings(f"{where} must be {_KINDS[hint]}; it is {raw!r}") from None
    return _finite(where, value)


def _from_toml(where: str, raw: Any, hint: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        if not isinstance(raw, list) or not all(isinstance(part, str) for part in raw):
            raise BadSettings(f'{where} must be a list of texts, like ["a", "b"]')
        return tuple(raw)
    if hint is float and type(raw) is int and abs(raw) <= MAX_NUMBER:
        raw = float(raw)
    if type(raw) is not hint:
        raise BadSettings(f"{where} must be {_KINDS[hint]}; it is {raw!r}")
    return _finite(where, raw)


def _finite(where: str, value: Any) -> Any:
    if type(value) is int and abs(value) > MAX_NUMBER:
        raise BadSettings(f"{where} is far too large")
    if isinstance(value, float) and not (float("-inf") < value < float("inf")):
        raise BadSettings(f"{where} must be a finite number")
    if isinstance(value, str) and "\x00" in value:
        raise BadSettings(f"{where} must not hold a NUL character")
    return value


def _unknown(key: str, known: list[str], file: Path | None) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else "remove it; docs/settings.md lists all."
    return f"{_place(key, file)}unknown setting {key}: {remedy}"


def _place(key: str, file: Path | None) -> str:
    """`miku.toml line 3: ` if the key's line can be found."""
    if file is None or not file.exists():
        return ""
    leaf = re.escape(key.strip("[]").split(".")[-1])
    pattern = rf"\s*\[\s*{leaf}" if key.startswith("[") else rf"\s*[\"']?{leaf}[\"']?\s*="
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        if re.match(pattern, line):
            return f"{file.name} line {number}: "
    return f"{file.name}: "


def _require_private(file: Path, key: str) -> None:
    if file.stat().st_mode & 0o077:
        raise BadSettings(f"{file.name} holds the secret {key} but others may read it: chmod 600 {file.name}")
