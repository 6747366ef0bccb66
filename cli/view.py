"""What a person sees: lines that stay, and one line of progress while something takes its time.

On a terminal the progress line moves; elsewhere (pipes, logs, CI) each new state is a plain line.
"""

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from cli.called import as_called
from cli.refusal import Refusal

PLAIN_WIDTH = 200
"""Columns of a table that is no terminal's."""


class Progress:
    """One thing that takes its time."""

    def __init__(self, console: Console, text: str) -> None:
        self._console = console
        self._text = text
        self._status: Status | None = None
        self._hidden = False

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status(escape(self._text))
            self._status.start()
        else:
            self._print()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()

    def hide(self) -> None:
        """Make room for the result: nothing more is shown."""
        if self._status is not None:
            self._status.stop()
        self._hidden = True

    def tell(self, text: str) -> None:
        """Where it stands now; the same text again says nothing new."""
        if text == self._text or self._hidden:
            return
        self._text = text
        if self._status is not None:
            self._status.update(escape(text))
        else:
            self._print()

    def _print(self) -> None:
        self._console.print(self._text, markup=False, highlight=False, soft_wrap=True)


class View:
    """Writes to stdout what was asked for, and to stderr how it goes."""

    def __init__(self) -> None:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        width = None if is_terminal else PLAIN_WIDTH
        self._out = Console(file=sys.stdout, width=width, highlight=False, emoji=False, soft_wrap=True)
        self._side = Console(file=sys.stderr, highlight=False, emoji=False, soft_wrap=True)

    def line(self, text: str = "") -> None:
        """A line of the result."""
        self._print(as_called(text), markup=False)

    def piece(self, text: str) -> None:
        """A part of a line that grows, as words are heard; control codes never reach the terminal."""
        self._print("".join(c for c in text if c in "\n\t" or not _is_control(c)), end="", markup=False)

    def table(self, table: Table) -> None:
        """A table of the result."""
        self._print(table, soft_wrap=False)

    def error(self, text: str) -> None:
        """Why it did not work, and what to do."""
        self._side.print(as_called(text), markup=False)

    def note(self, text: str) -> None:
        """Something by the way."""
        self._side.print(as_called(text), markup=False, style="dim")

    @contextmanager
    def progress(self, text: str) -> Iterator[Progress]:
        """Show progress while the body runs."""
        with Progress(self._side, text) as shown:
            yield shown

    def _print(self, shown: object, **how: Any) -> None:
        """Print to stdout; a closed pipe ends the program quietly, which is rich's doing.

        Raises:
            Refusal: stdout takes nothing more.
        """
        try:
            self._out.print(shown, **how)
        except OSError as error:
            with suppress(OSError, ValueError):  # what is still in the buffer must not fail again at exit
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Refusal(f"The output can't be written: {error.strerror}.") from None


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"
