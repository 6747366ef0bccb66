"""Foreign servers as processes of their own beside a stack."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.stack import ROOT


@contextmanager
def double(name: str, *words: str) -> Iterator[str]:
    """Run `python -m tests.doubles.<name>`; yields its address."""
    command = [sys.executable, "-m", f"tests.doubles.{name}", *words]
    process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
