"""JSON that strangers wrote: UTF-8, and nested no deeper than a limit.

The standard parser goes as deep as the interpreter's stack, and garbage that happens to be collected down
there can't be cleared away. So depth is counted first.
Source: RFC 8259, sections 8.1 (UTF-8) and 9 (limits of parsers).
"""

import json
import re
from typing import Any

DEPTH = 100
"""Lists and objects within each other; what the services send has less than twenty."""
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_json(body: str | bytes | bytearray, **hooks: Any) -> Any:
    """The value of a text.

    Args:
        body: text, or bytes in UTF-8, with or without a mark of byte order.
        hooks: those of `json.loads`, like `parse_constant`.

    Raises:
        ValueError: no UTF-8, no JSON, deeper than `DEPTH`, or with a number beyond the interpreter's bounds.
    """
    text = body if isinstance(body, str) else body.decode("utf-8-sig")
    if text.count("[") + text.count("{") > DEPTH and _is_deep(text):
        raise ValueError(f"nested deeper than {DEPTH} levels")
    return json.loads(text, **hooks)


def _is_deep(text: str) -> bool:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        depth += _STEPS.get(found[0], 0)
        if depth > DEPTH:
            return True
    return False
