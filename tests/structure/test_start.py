"""What a process loads at its start: nothing that its settings do not ask for."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

HEAVY = ("PIL", "apscheduler", "av", "discord", "nacl", "sqlalchemy")


def test_without_a_token_bot_main_loads_none_of_the_libraries_of_the_chat():
    asked = f"import sys, procs.bot_main.__main__; print(*sys.modules.keys() & {set(HEAVY)})"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_the_command_line_loads_none_of_them_either():
    asked = f"import sys, cli.__main__; print(*sys.modules.keys() & {set(HEAVY)})"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
