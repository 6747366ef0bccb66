"""The only room of the sniffer that prints: lines and tables for people, or one JSON object per line.

On a terminal the present state stays pinned at the bottom while news scrolls above it. Control
characters of any message are made visible: what other people wrote cannot steer the terminal.
"""

import json
import sys
from collections.abc import Iterable
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as RichTable
from rich.text import Text

from bus.sniffer.output import Column, Line, Output, Table

FILE_COLUMNS = 200
"""Width of tables where there is no terminal."""


class Screen:
    """Where results go.

    Args:
        as_json: one JSON object per line instead of text.
        stream: standard output by default.
    """

    def __init__(
        self, *, as_json: bool, stream: IO[str] | None = None, errors: IO[str] | None = None
    ) -> None:
        self._as_json = as_json
        self._stream = sys.stdout if stream is None else stream
        self._errors = sys.stderr if errors is None else errors
        self._is_live = not as_json and self._stream.isatty()
        width = None if self._is_live else FILE_COLUMNS
        self._console = Console(file=self._stream, width=width, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None

    def show(self, outputs: Iterable[Output]) -> None:
        """Print for good.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        for output in outputs:
            if self._as_json:
                self._print_json(output)
            elif isinstance(output, Line):
                self._print_line(printable(output.text))
            else:
                self._console.print(rich_table(output))
        self._stream.flush()

    def show_report(self, outputs: Iterable[Output], *, repeats: bool) -> None:
        """A second's report: lines for good; tables pinned on a terminal, elsewhere only if they repeat.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        outputs = list(outputs)
        tables = [output for output in outputs if isinstance(output, Table)]
        if self._is_live and tables:
            self._pin(tables, stays=repeats)
        self.show(o for o in outputs if isinstance(o, Line) or (repeats and not self._is_live))

    def complain(self, text: str) -> None:
        """A sentence about the run itself, on standard error."""
        print(f"bus-sniffer: {printable(text)}", file=self._errors, flush=True)

    def close(self) -> None:
        """Let go of the pinned tables: a reading stays, what the last report repeats goes away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _pin(self, tables: list[Table], *, stays: bool) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=not stays)
            self._live.start()
        self._live.update(Group(*(rich_table(table) for table in tables)), refresh=True)

    def _print_line(self, text: str) -> None:
        """Above the pinned tables, where there are any; else straight, which is ten times as fast."""
        if self._live is not None:
            self._console.print(Text(text), soft_wrap=True)
        else:
            print(text, file=self._stream)

    def _print_json(self, output: Output) -> None:
        for row in [output.data] if isinstance(output, Line) else output.rows:
            print(json.dumps(row, ensure_ascii=True, default=str), file=self._stream)


def rich_table(table: Table) -> RichTable | Text:
    """A table for the terminal; values that a row lacks stay empty."""
    if not table.rows:
        return Text(f"{table.title}: none")
    rich = RichTable(title=table.title, title_justify="left", box=None, pad_edge=False)
    gives_way = any(column.is_cut for column in table.columns)
    for column in table.columns:
        title = _text(column, column.title)
        if column.is_number:  # broken into two it would be read as two
            rich.add_column(title, justify="right", no_wrap=True)
        else:
            rich.add_column(title, overflow="fold", no_wrap=gives_way and not column.is_cut)
    for row in table.rows:
        rich.add_row(*(_text(column, _cell(column.show, row, column.key)) for column in table.columns))
    return rich


def _text(column: Column, text: str) -> Text:
    text = printable(text)
    return Text(text, no_wrap=True, overflow="ellipsis") if column.is_cut else Text(text)


def _cell(show: object, row: dict[str, object], key: str) -> str:
    if row.get(key) is None:
        return "-" if key in row else ""
    assert callable(show)
    return str(show(row[key]))


def printable(text: str) -> str:
    """Text whose control and direction characters are written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
