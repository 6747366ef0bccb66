"""Check of the settings, which also names the file and what was changed in it."""

import dataclasses
import os

from bus.errors import BadSettings
from cli.checks.base import Finding, fail, ok, warn
from cli.settings_table import Settings, read


def settings() -> tuple[Settings | None, Finding]:
    """The settings if they can be used, and what there is to say of them."""
    try:
        found = read(os.environ)
    except BadSettings as error:
        first, *more = str(error).splitlines()
        remedy = "docs/settings.md lists all keys." + "".join(f" Also: {text}" for text in more)
        return None, fail("unusable", first, remedy)
    changed = sum(
        getattr(section, field.name) != field.default
        for section in found.values
        for field in dataclasses.fields(section)  # type: ignore[arg-type]
    )
    if not found.file.exists() and os.environ.get("MIKU_CONFIG"):
        cause = f"MIKU_CONFIG names {found.file}, which is not there."
        return found, warn(
            f"no file, {changed} changed", cause, "Correct it, or let `./miku init` write that file."
        )
    source = found.file.name if found.file.exists() else "no file, all by default or environment"
    return found, ok(f"{source}, {changed} changed")
