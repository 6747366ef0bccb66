"""A whole stack as a user runs it: `miku up` with a state folder and ports of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil

from tests.ports import free_base_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0
"""A start takes 2 s on a quiet machine; this only ends a test that would never end."""


class Background:
    """A running program whose output can be looked at."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._out = tempfile.NamedTemporaryFile("w+")  # noqa: SIM115 - lives as long as the program
        self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=self._out, stderr=self._out)

    def seen(self) -> str:
        """What it has printed so far."""
        return Path(self._out.name).read_text()

    def end(self) -> None:
        """Press Ctrl-C and wait."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)


class Stack:
    """One `miku up`. Environment variables are settings: `Stack(path, MIKU_LLM__BASE_URL=...)`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.state_path = folder / "state"
        self.base_port = free_base_port()
        self.env = {
            **os.environ,
            "MIKU_STATE_DIR": str(self.state_path),
            "MIKU_BUS__BASE_PORT": str(self.base_port),
            "MIKU_CONFIG": str(folder / "miku.toml"),
            **settings,
        }
        self.up_log = folder / "up.log"
        self._up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start and wait until the stack says that it is ready."""
        with self.up_log.open("wb") as out:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "cli", "up"], cwd=ROOT, env=self.env, stdout=out, stderr=out
            )
        try:
            wait_until(lambda: "ready in" in self.up_log.read_text() or self._up.poll() is not None, READY_S)
            assert self._up.poll() is None, self.up_log.read_text()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> float:
        """Press Ctrl-C; returns how long everything took to end."""
        began = time.monotonic()
        if self._up is not None and self._up.poll() is None:
            self._up.send_signal(signal.SIGINT)
            try:
                self._up.wait(20)
            except subprocess.TimeoutExpired:
                self._up.kill()
        return time.monotonic() - began

    def miku(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a verb of the command line."""
        return self._run("cli", *words, timeout_s=timeout_s)

    def sniffer(self, *words: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a verb of the sniffer."""
        return self._run("bus.sniffer", *words, timeout_s=timeout_s)

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start a verb of the command line and let it run."""
        command = [sys.executable, "-m", "cli", *words]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def begin_sniffer(self, *words: str) -> "Background":
        """Start a verb of the sniffer and let it run."""
        return Background([sys.executable, "-m", "bus.sniffer", *words], self.env)

    def _run(self, module: str, *words: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.env, text=True, capture_output=True, timeout=timeout_s, check=False
        )

    def status(self) -> dict[str, dict[str, Any]]:
        """`miku status --json`: node → what is known of it."""
        done = self.miku("status", "--json")
        return {process["name"]: process for process in json.loads(done.stdout)["processes"]}

    def pids(self) -> dict[str, int]:
        """Node → process id."""
        return {name: process["pid"] for name, process in self.status().items()}

    def processes(self) -> list[psutil.Process]:
        """Every living process that carries this stack's state folder in its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("MIKU_STATE_DIR") == str(self.state_path):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def keeper_pid(self) -> int:
        """Process id of `miku up`."""
        assert self._up is not None
        return self._up.pid

    def kill(self, node: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a node; returns its process id."""
        pid = self.pids()[node]
        os.kill(pid, number)
        return pid

    def recordings(self) -> set[Path]:
        """What the sink has recorded, the turn that sounds now included."""
        return set(self.state_path.glob("recordings/*.wav"))

    def logs(self) -> str:
        """Everything that was logged."""
        return "\n".join(p.read_text(errors="replace") for p in self.state_path.rglob("*.log"))
