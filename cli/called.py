"""How this program was started, so that every command it prints can be typed as it stands."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from cli.settings_table import ROOT

IN_A_CLONE = "./miku"
"""As all texts of the project name it: right in the folder of a clone."""

_NAMED = re.compile(r"(?<![\w/.!])\./miku\b")


def command(program: str = "", root: Path = ROOT) -> str:
    """What to type for it here.

    Args:
        program: path it was started by; empty = this process's own.
        root: folder of the project.
    """
    program = program or sys.argv[0]
    known = shutil.which("miku")
    if known and Path(known).resolve() == Path(program).resolve():
        return "miku"
    launcher = root / "miku"
    if os.access(launcher, os.X_OK):
        return IN_A_CLONE if Path.cwd() == root else shlex.quote(str(launcher))
    return shlex.quote(program) if Path(program).name == "miku" else f"{shlex.quote(sys.executable)} -m cli"


def as_called(text: str) -> str:
    """A text whose commands name this program as it was started."""
    return _NAMED.sub(lambda _: command(), text)
