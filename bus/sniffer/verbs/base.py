"""What a verb is: arguments, what it listens to, what it makes of a message, what it reports.

A verb neither prints nor reads a clock nor knows of sockets: `watch.py` feeds it and `screen.py` shows what
it returns, so every verb can be tried with a list of messages. Time comes in with each message and report.
"""

import argparse
from collections.abc import Iterable
from typing import ClassVar

from bus.sniffer.arguments import UsageError
from bus.sniffer.output import Output
from bus.sniffer.taps import Tapped


class Verb:
    """A verb that observes. Subclasses override what they need; nothing is abstract but `name`."""

    name: ClassVar[str]
    """As typed on the command line."""
    summary: ClassVar[str]
    """One line for the overview."""
    example: ClassVar[str]
    """One command for the help."""

    repeats: ClassVar[bool] = False
    """Whether each second's report is a reading of its own (a rate), not only news and the sum at the end."""
    is_snapshot: ClassVar[bool] = False
    """Whether `--once` means one look of 2 s and its report, not the first line."""
    default_for_s: ClassVar[float | None] = None
    """How long it runs when nothing is said; None = until interrupted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments that only this verb has."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Topics, or their beginnings, that this verb wants to hear; everything without any."""
        return ()

    @property
    def is_done(self) -> bool:
        """Whether the verb has found what it was asked for."""
        return False

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        """Take a message of `prefixes` in; what it returns is shown at once.

        Raises:
            DecodeError: the message can't be read; it is counted and shown as such.
        """
        return ()

    def report(self, now_ns: int) -> Iterable[Output]:
        """Asked each second: news that only time brings, and the present state as tables."""
        return ()

    def end(self, now_ns: int) -> Iterable[Output]:
        """The last report; verbs with a file finish it."""
        return self.report(now_ns)

    def complaint(self, now_ns: int) -> str:
        """Why the result is bad (exit code 1), asked at the end; empty when it is fine."""
        return ""


class FileVerb:
    """A verb that works on recordings alone and needs no bus."""

    name: ClassVar[str]
    summary: ClassVar[str]
    example: ClassVar[str]

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments of this verb."""

    def run(self) -> Iterable[Output]:
        """Do it all; returns what is shown.

        Raises:
            OSError: a file can't be read or written.
        """
        return ()

    def complaint(self) -> str:
        """Why the result is bad (exit code 1), asked at the end; empty when it is fine."""
        return ""


def require_content(options: argparse.Namespace, what: str) -> None:
    """Refuse what would show or store what people said without having been asked for it.

    Raises:
        UsageError: `--show-content` is not given.
    """
    if not options.show_content:
        raise UsageError(f"{what}, and that is what people said: add --show-content if that is meant")
