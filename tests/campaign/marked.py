"""Tests that other rooms mark as a campaign: each file is one, each of its tests one run."""

import re
import subprocess
import sys
from pathlib import Path

from tests.campaign.campaign import Campaign, Run

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"^pytestmark\b.*\bmark\.campaign\b", re.MULTILINE)


LONGEST_S = 3_600
"""A marked test may take this long."""


def files() -> list[Path]:
    """Every file of tests with the mark, relative to the project."""
    found = sorted((ROOT / "tests").rglob("test_*.py"))
    return [file.relative_to(ROOT) for file in found if MARK.search(file.read_text())]


def campaign_id(file: Path) -> str:
    """A name by which it can be asked for: `tests/.../test_session_campaign.py` → `session`."""
    return file.stem.removeprefix("test_").removesuffix("_campaign")


def campaigns(chosen: list[str]) -> list[Campaign]:
    """The marked files as campaigns; those with other ids are left out.

    Args:
        chosen: ids; empty = all.
    """
    wanted = [file for file in files() if not chosen or campaign_id(file) in chosen]
    return [_campaign(file, _tests(file)) for file in wanted]


def _tests(file: Path) -> list[str]:
    done = _pytest("--collect-only", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def _campaign(file: Path, tests: list[str]) -> Campaign:
    def play(run: Run) -> None:
        done = _pytest(tests[run.index])
        assert done.returncode == 0, f"{tests[run.index]}\n{done.stdout[-3_000:]}"

    return Campaign(campaign_id(file), f"`{file}`", "its own tests", len(tests), play, patience_s=LONGEST_S)


def _pytest(*words: str) -> "subprocess.CompletedProcess[str]":
    options = ("-q", "-p", "no:cacheprovider", "--timeout", str(LONGEST_S), "-m", "campaign")
    command = [sys.executable, "-m", "pytest", *options, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
