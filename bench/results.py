"""Tables on the screen, and the same figures as JSON in `bench/results/`."""

import json
import math
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"

WIDTH = 120
"""Least width of a table, also where the output is no terminal."""

Cell = float | int | str


class Results:
    """What one benchmark has measured.

    Args:
        name: the benchmark's name, and that of its file.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tables: list[dict[str, object]] = []
        self._load_before = os.getloadavg()[0]
        self._began_s = time.monotonic()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Print a table and keep it; the first column names the row."""
        shown = Table(title=title, title_justify="left", title_style="bold")
        for i, column in enumerate(columns):
            shown.add_column(column, justify="right" if i else "left")
        for row in rows:
            shown.add_row(*(_shown(cell) for cell in row))
        Console(width=max(WIDTH, Console().width)).print(shown)
        self._tables.append({"title": title, "columns": list(columns), "rows": [list(row) for row in rows]})

    def save(self) -> None:
        """Write the file."""
        load = (self._load_before, os.getloadavg()[0])
        machine = {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
            "load_before": load[0],
            "load_after": load[1],
        }
        took_s = round(time.monotonic() - self._began_s, 1)
        FOLDER.mkdir(exist_ok=True)
        file = FOLDER / f"{self._name}.json"
        document = {"benchmark": self._name, "machine": machine, "took_s": took_s, "tables": self._tables}
        file.write_text(json.dumps(document, indent=1) + "\n")
        loads = f"load {load[0]:.1f} before and {load[1]:.1f} after"
        print(f"{self._name}: {took_s:g} s on {os.cpu_count()} cores, {loads}; see {file}\n", flush=True)


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if math.isnan(cell):
        return "-"
    return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if abs(cell) < 0.1 else f"{cell:.2f}"
