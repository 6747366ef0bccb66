import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.errors import BadSettings
from bus.topics import NODES, PORT_SPAN
from cli.refusal import Refusal
from cli.settings_table import read
from cli.stack import Stack

pytestmark = pytest.mark.unit


def stack_in(folder: Path | str) -> Stack:
    return Stack(read({"MIKU_STATE_DIR": str(folder)}, Path("/nowhere/miku.toml")))


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    stack = stack_in(tmp_path / "state")
    stack.prepare()
    return stack


def test_the_state_folder_is_the_owners_alone(stack: Stack) -> None:
    assert stack.state_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["x" * 120, "100%"])
def test_a_state_folder_that_supervisord_can_not_live_in_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSettings, match="state_dir"):
        stack_in(tmp_path / name).prepare()


def test_a_state_folder_that_can_not_be_made_is_refused() -> None:
    with pytest.raises(BadSettings, match="can't be made"):
        stack_in("/dev/null/state").prepare()


def test_the_lock_admits_one_and_names_its_process(stack: Stack) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(stack.state_path)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert stack.keeper_pid() == holder.pid
    with pytest.raises(Refusal, match=str(holder.pid)), stack.lock():
        pass
    holder.kill()
    holder.wait()
    assert stack.keeper_pid() == 0
    with stack.lock():
        pass


HOLD = """
import sys
from pathlib import Path
from cli.settings_table import read
from cli.stack import Stack
with Stack(read({"MIKU_STATE_DIR": sys.argv[1]}, Path("/nowhere/miku.toml"))).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_without_a_place_for_the_lock_is_refused(stack: Stack) -> None:
    (stack.state_path / "up.lock").mkdir()
    with pytest.raises(BadSettings, match="can't be written"), stack.lock():
        pass


def test_the_callers_environment_is_passed_on_but_not_a_foreign_supervisors(stack: Stack) -> None:
    callers = {
        "HTTPS_PROXY": "http://u:p%40@proxy",
        "SSL_CERT_FILE": "/ca.pem",
        "PYTHONPATH": "/x",
        "SUPERVISOR_ENABLED": "1",
    }
    passed = stack.environment(callers)
    assert {key: passed[key] for key in ("HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONPATH")} == {
        key: callers[key] for key in ("HTTPS_PROXY", "SSL_CERT_FILE", "PYTHONPATH")
    }
    assert "SUPERVISOR_ENABLED" not in passed
    assert passed["MIKU_STATE_DIR"] == str(stack.state_path)


def test_its_ports_are_its_own(stack: Stack) -> None:
    ports = stack.ports()
    base = stack.bus.base_port
    assert set(NODES) < set(ports.values())
    assert all(base <= port < base + PORT_SPAN for port in ports)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("Traceback\nValueError: x\n", "ValueError: x"),
        (
            json.dumps({"event": "can't run", "reason": "model.gguf is not there."}) + "\n",
            "model.gguf is not there.",
        ),
        ("[1]\n{broken\n", "{broken"),
    ],
)
def test_the_last_words_of_a_node_are_its_reason_if_it_gave_one(stack: Stack, log: str, words: str) -> None:
    (stack.logs_path / "bot_main.log").write_text(log)
    assert stack.last_words("bot_main") == words


def test_a_stack_that_does_not_run_is_said_so(stack: Stack) -> None:
    assert not stack.is_running()
    with pytest.raises(Refusal, match="miku up"):
        stack.require_running()
    assert os.listdir(stack.logs_path) == []
