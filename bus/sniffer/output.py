"""What verbs return instead of printing: lines and tables, each for people and as data. Pure."""

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
"""One JSON object; `kind` says of what."""

Show = Callable[[Any], str]


@dataclass(frozen=True)
class Line:
    """One finding: a line (or a few) for people, one object for programs."""

    text: str
    data: Row


@dataclass(frozen=True)
class Column:
    """A column of a table: which key of the row, under which title, shown how."""

    title: str
    key: str
    show: Show = str
    is_number: bool = False
    is_cut: bool = False
    """Whether it gives way on a narrow terminal: its end is left out, and the others stay whole."""


@dataclass(frozen=True)
class Table:
    """Rows of one kind."""

    title: str
    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)


Output = Line | Table


def number(title: str, key: str, digits: int = 0) -> Column:
    """A column of numbers; what has no value is shown as a dash."""
    return Column(title, key, lambda value: shown_number(value, digits), is_number=True)


def shown_number(value: object, digits: int = 0) -> str:
    """A number for people: 1,234.5; a dash for what has no value, and what is no number as it is."""
    if not isinstance(value, int | float):
        return "-" if value is None else str(value)
    if not math.isfinite(value):
        return "-"
    return f"{value:,.{digits}f}"


def shown_bytes(value: float) -> str:
    """An amount of bytes for people: 96.0 kB."""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} GB"


def shown_time(wall_ns: int) -> str:
    """Time of day on this machine, with milliseconds."""
    moment = datetime.datetime.fromtimestamp(wall_ns // 1_000_000 / 1000, datetime.UTC).astimezone()
    return moment.strftime("%H:%M:%S.%f")[:-3]


def finite(value: float) -> float | None:
    """A number as JSON can carry it: null for what has no value."""
    return round(value, 3) if math.isfinite(value) else None
