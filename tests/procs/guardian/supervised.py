"""A real supervisord with tiny programs, in a folder of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.supervisor_rpc import ProgramInfo, SupervisorRpc

HEAD = """
[supervisord]
nodaemon=true
silent=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
[unix_http_server]
file={folder}/supervisor.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PATIENCE_S = 15.0


class Supervised:
    """Runs from construction to `close`."""

    def __init__(self, folder: Path, programs: str, **environ: str) -> None:
        self.folder = folder
        self.environ = environ
        self.socket_path = folder / "supervisor.sock"
        self.server_url = f"unix://{self.socket_path}"
        self.rpc = SupervisorRpc(self.socket_path)
        conf = folder / "supervisord.conf"
        conf.write_text(HEAD.format(folder=folder) + programs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)],
            env={**os.environ, **environ},
            cwd=folder,
            start_new_session=True,
        )
        self.until(self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.rpc.pid())
        except SupervisorGone:
            return False

    def info(self, name: str) -> ProgramInfo:
        return {info.program.name: info for info in self.rpc.infos()}[name]

    def pid(self, name: str) -> int:
        return self.info(name).program.pid

    def state(self, name: str) -> str:
        return self.info(name).program.state

    def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> float:
        """Wait for a condition; returns the seconds it took."""
        started_s = time.monotonic()
        while not condition():
            assert time.monotonic() - started_s < patience_s, self.words()
            time.sleep(0.02)
        return time.monotonic() - started_s

    def words(self) -> str:
        """What supervisord and the programs logged, for a failing test."""
        return "\n".join(file.read_text()[-2000:] for file in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        try:
            self.rpc.shutdown()
            self.process.wait(10)
        except (SupervisorGone, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
