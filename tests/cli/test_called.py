"""Commands are printed as they can be typed by who reads them."""

import sys
from pathlib import Path

import pytest

from cli.called import as_called, command
from cli.settings_table import ROOT

pytestmark = pytest.mark.unit


def program(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "miku"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_in_the_folder_of_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command(str(tmp_path / ".venv/bin/miku"), tmp_path) == "./miku"


def test_from_elsewhere_with_its_whole_path(tmp_path: Path):
    launcher = program(tmp_path / "a clone")
    assert command(str(launcher.parent / ".venv/bin/miku"), launcher.parent) == f"'{launcher}'"


def test_as_a_word_where_the_shell_knows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed = program(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(installed.parent))
    assert command(str(installed), tmp_path / "clone") == "miku"
    other = program(tmp_path / "other")
    assert command(str(other), tmp_path / "nowhere") == str(other), "another one is first in the path"


def test_as_a_module_without_any_of_these(tmp_path: Path):
    assert command("/some/cli/__main__.py", tmp_path) == f"{sys.executable} -m cli"


def test_only_the_command_line_is_renamed_in_a_text(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir("/")
    text = "`./miku up` or (./miku link); `!miku join`, /miku status, ./mikus, miku.toml"
    assert as_called(text) == text.replace("./miku up", f"{ROOT}/miku up").replace(
        "(./miku link", f"({ROOT}/miku link"
    )
