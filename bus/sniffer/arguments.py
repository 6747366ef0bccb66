"""Arguments of the command line: durations, topics, and the nearest name for what was mistyped. Pure."""

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import NoReturn

from bus.topics import TOPICS

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


EXIT_FINE, EXIT_BAD, EXIT_UNREACHABLE, EXIT_USAGE = 0, 1, 2, 64
"""Fine; not as expected, stale, missing or damaged; no node answers; sysexits EX_USAGE."""


class Failure(Exception):
    """A command cannot be carried out; the text is one sentence with the remedy."""

    exit_code = EXIT_BAD


class UsageError(Failure):
    """Arguments that cannot be followed."""

    exit_code = EXIT_USAGE


class Unreachable(Failure):
    """No node answers."""

    exit_code = EXIT_UNREACHABLE


class Parser(argparse.ArgumentParser):
    """A parser that leaves exit codes and printing to `main`."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def seconds(text: str) -> float:
    """A duration: `500ms`, `10s`, `2m`, `1h`, or plain seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 500ms, 10s or 2m")
    return float(match[1]) * _SECONDS[match[2]]


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def nearest(name: str, known: Iterable[str]) -> str:
    """Half a sentence that helps with a name that does not exist."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def require_topic(name: str) -> str:
    """A topic, or the beginning of at least one.

    Raises:
        UsageError: no topic begins so; the text offers the nearest.
    """
    if any(topic.startswith(name) for topic in TOPICS):
        return name
    near = difflib.get_close_matches(name, TOPICS, n=1, cutoff=0.4)
    remedy = f"did you mean {near[0]!r}?" if near else "`bus-sniffer list` shows all."
    raise UsageError(f"no topic begins with {name!r}; {remedy}")


def is_meant(topic: str, names: tuple[str, ...]) -> bool:
    """Whether a topic is one of the names, or begins with one that is no topic itself; all, without names."""
    return not names or any(topic == name if name in TOPICS else topic.startswith(name) for name in names)


def speed(text: str) -> float:
    """A pace from 0.1 to 100."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no pace from 0.1 to 100")
    return value
