"""Foreign servers as processes of their own beside a stack."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tests.e2e.stack import ROOT


class Double:
    """`python -m tests.doubles.<name>`, which can go away and come back at the same address.

    Args:
        words: of its command line; the port among them, so that it comes back there.
    """

    def __init__(self, name: str, *words: str) -> None:
        self._command = [sys.executable, "-m", f"tests.doubles.{name}", *words]
        self.url = ""

    def start(self) -> Self:
        """Run it until it listens."""
        self._process = subprocess.Popen(self._command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def stop(self) -> None:
        """As a power cut."""
        self._process.kill()
        self._process.wait()


@contextmanager
def double(name: str, *words: str) -> Iterator[str]:
    """Run one; yields its address."""
    made = Double(name, *words).start()
    try:
        yield made.url
    finally:
        made.stop()
