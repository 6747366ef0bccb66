"""What a check of `miku doctor` looks at and what it finds."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum

from bus.messages import Health
from cli.stack import Stack


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """Works, but something is not as it should be."""
    FAIL = "fail"
    """Miku cannot work until this is mended."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    grade: Grade
    value: str
    """What was measured."""
    cause: str = ""
    """One sentence: what is wrong."""
    remedy: str = ""
    """What to do."""


def ok(value: str) -> Finding:
    """All is well."""
    return Finding(Grade.OK, value)


def reason(error: BaseException) -> str:
    """Why a connection failed, in few words; aiohttp names its settings besides, which mislead."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def warn(value: str, cause: str, remedy: str) -> Finding:
    """It works, but."""
    return Finding(Grade.WARN, value, cause, remedy)


def fail(value: str, cause: str, remedy: str) -> Finding:
    """It cannot work."""
    return Finding(Grade.FAIL, value, cause, remedy)


@dataclass(frozen=True)
class Situation:
    """What the checks may look at."""

    stack: Stack
    running: bool
    """Whether this stack runs now."""
    health: dict[str, Health] = field(default_factory=dict)
    """Node → what it says of itself; empty when the stack does not run."""


Check = Callable[[Situation], Finding | Coroutine[None, None, Finding]]
"""A plain function runs in a thread of its own; an async one may wait for the network. Up to 2 s."""
