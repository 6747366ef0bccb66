"""A message for people and as data. Pure.

Content is hidden unless asked for (`content.py`); then text is shown as it is, and sound as base64 in
data, as level bar and size for people.
"""

import base64
import json
from dataclasses import asdict
from typing import Any

from bus.errors import DecodeError
from bus.sniffer.content import redact, shown
from bus.sniffer.output import Line, Row, shown_time
from bus.sniffer.taps import Tapped

LINE_CHARS = 200
"""A line is cut here unless the whole message is asked for."""

ABSENT = "<absent>"
"""Shown for a selected field that a message does not have."""


def message_line(
    tapped: Tapped,
    *,
    with_content: bool,
    fields: tuple[str, ...] = (),
    is_full: bool = False,
    is_raw: bool = False,
    missed: int = 0,
) -> Line:
    """One message.

    Args:
        fields: dotted paths into the body, or `header.` and below; all of the body without them.
        is_full: every field on a line of its own, nothing cut.
        is_raw: the body's bytes in hexadecimal instead of its fields.
        missed: messages of its writer missing before it.
    """
    body = {"raw": tapped.raw.hex()} if is_raw else _body(tapped, with_content, fields)
    header = asdict(tapped.header)
    text = _head(tapped)
    if is_full:
        text = "\n".join([text, *(f"  {line}" for line in _lines(body))])
    else:
        text = _cut(f"{text}  {' '.join(f'{key}={_short(v)}' for key, v in body.items() if v != '')}")
    if missed:
        text = f"--- {missed} messages of {tapped.topic} are missing here ---\n{text}"
    data: Row = {
        "kind": "message",
        "topic": tapped.topic,
        "header": header,
        "received_wall_ns": tapped.received_wall_ns,
        "delay_ms": round(tapped.delay_ns / 1e6, 3),
        "missed": missed,
        "body": as_json(body),
    }
    return Line(text, data)


def select(values: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; numbers select in lists."""
    value: Any = values
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return ABSENT
    return value


def as_json(value: Any) -> Any:
    """Plain values as JSON has them: bytes become base64, keys text."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {str(key): as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
    return value


def _body(tapped: Tapped, with_content: bool, fields: tuple[str, ...]) -> dict[str, Any]:
    try:
        body = tapped.body
    except DecodeError as error:
        return {"undecodable": str(error)}
    if not with_content:
        body = redact(tapped.topic, body, shown)
    if not fields:
        return body
    everything = {**body, "header": asdict(tapped.header)}
    return {path: select(everything, path) for path in fields}


def _head(tapped: Tapped) -> str:
    header = tapped.header
    parts = [shown_time(tapped.received_wall_ns), f"{tapped.topic:<28}", header.src, f"#{header.seq}"]
    if header.session:
        parts.append(f"{header.session}/{header.turn}" if header.turn else header.session)
    return " ".join(parts)


def _short(value: Any) -> str:
    match value:
        case str():
            is_clear = value.endswith(">") or not any(c.isspace() for c in value)
            return value if is_clear else json.dumps(value, ensure_ascii=False)
        case bytes():
            return str(shown(value))
    return json.dumps(_for_people(value), ensure_ascii=False)


def _lines(body: dict[str, Any]) -> list[str]:
    return json.dumps(_for_people(body), ensure_ascii=False, indent=2).splitlines()[1:-1]


def _for_people(value: Any) -> Any:
    """Sound as bar and size, whether hidden or not: nobody reads base64."""
    match value:
        case bytes():
            return shown(value)
        case dict():
            return {str(key): _for_people(item) for key, item in value.items()}
        case list():
            return [_for_people(item) for item in value]
    return value


def _cut(text: str) -> str:
    return text if len(text) <= LINE_CHARS else text[: LINE_CHARS - 1] + "…"
