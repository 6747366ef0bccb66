"""What a JSON object from outside may look like: tables of fields, and one check. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    fits: Check
    required: bool = False


Fields = Mapping[str, Field]


def fault(fields: Fields, value: Any) -> str:
    """What is wrong with an object, in words that name the field; empty if nothing is."""
    if not isinstance(value, dict):
        return "not an object"
    for name in value:
        if name not in fields:
            return f"unknown field {str(name)[:64]!r}"
    for name, field in fields.items():
        if field.required and name not in value:
            return f"field {name!r} is missing"
        if name in value and not field.fits(value[name]):
            return f"field {name!r} has a wrong type or value"
    return ""


def text(most: int, least: int = 0) -> Check:
    """A text of so many characters."""
    return lambda value: isinstance(value, str) and least <= len(value.strip()) and len(value) <= most


def whole(least: int, most: int) -> Check:
    """A whole number within bounds."""
    return lambda value: type(value) is int and least <= value <= most


def number(value: Any) -> bool:
    """Any finite number."""
    return type(value) in (int, float) and abs(value) < 1e300


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def one_of(*values: Any) -> Check:
    """One of these values, of the same type."""
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def shaped(fields: Fields) -> Check:
    """An object of its own."""
    return lambda value: not fault(fields, value)
