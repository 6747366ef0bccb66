"""A server's settings as JSON, to be kept elsewhere and put back. Pure.

Each changed setting stands there by its name, in words that `!miku settings` takes too.
"""

import json
from collections.abc import Mapping
from typing import Any

from bus.foreign_json import read_json
from procs.bot_main.core.chat import Names
from procs.bot_main.core.guild_settings import SETTINGS, Wrong, changed, written

WANTED = '❌ `import` takes what `export` has given, like `{"max_waiting": "20"}`.'
SETTING_CHARS = 2_000
"""Of one value: fifty ids have less."""


def exported(document: Mapping[str, Any] | None) -> str:
    """What differs from the defaults."""
    kept = {row.name: written(row, document) for row in SETTINGS if row.name in (document or {})}
    return json.dumps(kept)


def imported(
    document: Mapping[str, Any] | None, text: str, by: int, at_ms: int, names: Names
) -> dict[str, Any] | Wrong:
    """The document with all settings of a text changed; one that can't be used changes none."""
    try:
        found = read_json(text.strip().strip("`").removeprefix("json"))
    except ValueError:
        return Wrong(WANTED)
    if not isinstance(found, dict) or not found or not all(map(_is_short_text, found.values())):
        return Wrong(WANTED)
    result = dict(document or {})
    for name, value in found.items():
        next_result = changed(result, name, value, by, at_ms, names)
        if isinstance(next_result, Wrong):
            return Wrong(f"{next_result.said} Nothing is changed.")
        result = next_result
    return result


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= SETTING_CHARS
