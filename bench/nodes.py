"""Some of our nodes as processes, without a supervisor, with a state folder and ports of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench.observer import Observer
from bus.messages import Intent
from bus.settings import BaseSettings, BusSettings
from procs.bot_main.backends.store_sqlite import SqliteStore
from procs.bot_main.core.record import Record, session_id
from tests.e2e.stack import ROOT
from tests.ports import free_base_port

PATH = ("bot_main", "llm_streamer", "tts_bridge", "discord_voice")
"""Nodes on the way from a prompt to its sound."""


class Nodes:
    """The processes.

    Args:
        settings: environment variables.
        n_sessions: sessions that are wanted from the start.
    """

    def __init__(self, settings: dict[str, str], n_sessions: int = 1) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="miku-bench-")
        self.base = BaseSettings(state_dir=f"{self._folder.name}/state")
        self.bus = BusSettings(base_port=free_base_port())
        self._env = {
            **os.environ,
            "MIKU_STATE_DIR": self.base.state_dir,
            "MIKU_BUS__BASE_PORT": f"{self.bus.base_port}",
            "MIKU_CONFIG": f"{self._folder.name}/miku.toml",
            "MIKU_SESSION__MAX_SESSIONS": f"{n_sessions}",
            "MIKU_SESSION__IDLE_LEAVE_S": "0",
            **settings,
        }
        self.sessions: list[str] = []
        self._n_sessions = n_sessions
        self.processes: dict[str, psutil.Popen] = {}

    def _start(self, names: Sequence[str]) -> None:
        """Start processes; what they print goes to the state folder."""
        self.base.state_path.mkdir(exist_ok=True)
        for name in names:
            with Path(self.base.state_dir, f"{name}.log").open("ab") as log:
                self.processes[name] = psutil.Popen(
                    [sys.executable, "-m", f"procs.{name}"],
                    cwd=ROOT, env=self._env, stdout=log, stderr=subprocess.STDOUT,
                )  # fmt: skip

    def sniff(self, *words: str) -> "subprocess.Popen[bytes]":
        """Attach a sniffer."""
        return subprocess.Popen(
            [sys.executable, "-m", "bus.sniffer", *words], cwd=ROOT, env=self._env, stdout=subprocess.DEVNULL
        )

    @asynccontextmanager
    async def observed(self) -> AsyncIterator[Observer]:
        """Start everything; an observer, once all sessions are active.

        `bot_main` comes last: a session that it wants is refused when the others take long to start.
        """
        try:
            self._start(PATH[1:])
            async with Observer(self.base, self.bus) as observer:
                await observer.until(lambda: all(map(observer.is_ready, PATH[1:])), "readiness of the nodes")
                self.sessions = _want_sessions(self.base.state_path, self._n_sessions)
                self._start(PATH[:1])
                await observer.until(lambda: len(observer.sessions) == self._n_sessions, "all sessions")
                await observer.until(lambda: observer.is_ready(PATH[0]), "readiness of bot_main")
                yield observer
        finally:
            self._end()

    def _end(self) -> None:
        """Kill everything and forget it."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self._folder.cleanup()


def _want_sessions(state_path: Path, n_sessions: int) -> list[str]:
    """Leave sessions in the store, as an earlier life of `bot_main` would: it takes them up at its start."""
    wall_ms = time.time_ns() // 1_000_000
    sessions = [session_id(wall_ms, f"{i:04x}") for i in range(n_sessions)]
    intent = Intent(True, "discord_voice", wall_ms, 1, requested_by="bench")
    records: dict[str, Record | None] = {s: Record(s, intent, wall_ms, 0, 0, None, (), ()) for s in sessions}
    store = SqliteStore(state_path / "miku.db")
    store.write(records)
    store.close()
    return sessions
