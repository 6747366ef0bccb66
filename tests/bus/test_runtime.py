"""`run()` as a process: how it starts, fails, hangs and ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bus.runtime import EXIT_SETTINGS
from tests.ports import free_base_port
from tests.waiting import wait_until

pytestmark = pytest.mark.flow

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio, subprocess, sys, time
from dataclasses import dataclass
from typing import ClassVar
import bus.runtime
from bus.settings import BaseSettings, BusSettings, setting
from bus.messages import NodeState

bus.runtime.LOOP_STALL_S = 2.0
bus.runtime.STOP_PATIENCE_S = 0.3

@dataclass(frozen=True)
class Door:
    SECTION: ClassVar[str] = "door"
    key: str = setting("", "Opens.", secret=True, aliases=("DOOR_KEY",))

@dataclass(frozen=True)
class Config:
    base: BaseSettings
    bus: BusSettings
    door: Door

class App:
    name, reads, writes = "tts_server", (), ()

    def __init__(self, node, config):
        self.node = node
        self.key = config.door.key

    async def run(self):
        self.node.report(NodeState.READY)
        self.node.log.info("working")
        if "child" in sys.argv:
            child = subprocess.run(["env"], capture_output=True, text=True).stdout
            self.node.log.info("child", n_keys=child.count(self.key), is_key_read=self.key == "canary")
        if "hang" in sys.argv:
            await asyncio.sleep(0.1)
            time.sleep(30)
        if "fail" in sys.argv:
            raise ValueError("broken")
        await asyncio.Event().wait()

    async def stop(self):
        self.node.log.info("last words")
        if "linger" in sys.argv:
            await asyncio.Event().wait()

bus.runtime.run(App, Config, App)
"""


class Program:
    """The program as a process, with its log."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self._log = folder / "log"
        env = {
            **os.environ,
            "MIKU_STATE_DIR": str(folder / "state"),
            "MIKU_CONFIG": str(folder / "miku.toml"),
            "MIKU_BUS__BASE_PORT": str(free_base_port()),
            **environ,
        }
        with self._log.open("wb") as log:
            command = [sys.executable, "-c", PROGRAM, *words]
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=log)

    def log(self) -> str:
        return self._log.read_text()

    def events(self) -> list[str]:
        lines = self.log().splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    def end(self) -> int:
        return self.process.wait(30)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_its_last_words(tmp_path, number):
    program = Program(tmp_path)
    wait_until(lambda: "working" in program.events())
    program.process.send_signal(number)
    assert program.end() == 0
    assert program.events() == ["started", "working", "last words", "stopped"]


def test_an_app_that_does_not_stop_is_not_waited_for(tmp_path):
    program = Program(tmp_path, "linger")
    wait_until(lambda: "working" in program.events())
    program.process.terminate()
    assert program.end() == 0


def test_a_hung_loop_ends_the_process_and_shows_where_it_hung(tmp_path):
    program = Program(tmp_path, "hang")
    assert program.end() == -signal.SIGALRM
    assert "in run" in program.log()


def test_a_failure_of_the_app_ends_the_process_with_its_traceback(tmp_path):
    program = Program(tmp_path, "fail")
    assert program.end() == 1
    assert "ValueError: broken" in program.log()


def test_what_the_operator_can_mend_is_one_sentence(tmp_path):
    program = Program(tmp_path, MIKU_BUS__BASE_PORT="many")
    assert program.end() == EXIT_SETTINGS
    (line,) = program.log().splitlines()
    assert "MIKU_BUS__BASE_PORT must be a whole number" in json.loads(line)["reason"]


def test_under_a_supervisor_it_dies_with_it(tmp_path):
    script = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {PROGRAM!r}]); time.sleep(60)"
    )
    log = tmp_path / "log"
    env = {
        **os.environ,
        "MIKU_STATE_DIR": str(tmp_path / "state"),
        "MIKU_BUS__BASE_PORT": str(free_base_port()),
        "SUPERVISOR_ENABLED": "1",
    }
    with log.open("wb") as out:
        parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stderr=out)
    wait_until(lambda: '"started"' in log.read_text())
    child = next(json.loads(x)["pid"] for x in log.read_text().splitlines() if '"started"' in x)
    assert is_running(child)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_running(child))
    assert "last words" not in log.read_text(), "it was killed, not asked"


@pytest.mark.parametrize("name", ["MIKU_DOOR__KEY", "DOOR_KEY"])
def test_a_secret_that_was_read_is_not_handed_on_to_children(tmp_path, name):
    program = Program(tmp_path, "child", **{name: "canary"})
    line = wait_until(lambda: next((one for one in program.log().splitlines() if '"child"' in one), ""))
    assert (json.loads(line)["n_keys"], json.loads(line)["is_key_read"]) == (0, True)
    program.process.terminate()
    assert program.end() == 0
