"""Check of the settings, which also names the file and what was changed in it."""

import dataclasses
import os

from bus.errors import BadSettings
from cli.checks.base import Finding, fail, ok
from cli.settings_table import Settings, read


def settings() -> tuple[Settings | None, Finding]:
    """The settings if they can be used, and what there is to say of them."""
    try:
        found = read(os.environ)
    except BadSettings as error:
        first, *more = str(error).splitlines()
        remedy = "Correct it; docs/settings.md lists all keys." + "".join(f" Also: {text}" for text in more)
        return None, fail(f"{len(more) + 1} complaints", first, remedy)
    changed = sum(
        getattr(section, field.name) != field.default
        for section in found.values
        for field in dataclasses.fields(section)  # type: ignore[arg-type]
    )
    source = found.file.name if found.file.exists() else "no file, all by default or environment"
    return found, ok(f"{source}, {changed} changed")
