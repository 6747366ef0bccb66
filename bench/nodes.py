"""Some of our nodes as processes, without a supervisor, with a state folder and ports of their own."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bus.messages import Intent, NodeState, Phase
from bus.node import Node
from bus.runtime import client
from bus.settings import BaseSettings, BusSettings
from procs.bot_main.backends.store_sqlite import SqliteStore
from procs.bot_main.core.conversation import Record, session_id
from tests.e2e.stack import ROOT
from tests.ports import free_base_port

PATH = ("bot_main", "llm_streamer", "tts_bridge", "discord_voice")
"""Nodes on the way from a prompt to its sound."""

READS = (
    "report.health.",
    "report.turn.",
    "report.playout.discord_voice",
)

READY_S = 60.0


class Nodes:
    """The processes.

    Args:
        n_sessions: sessions that are wanted from the start.
        settings: environment variables.
    """

    def __init__(self, n_sessions: int = 1, **settings: str) -> None:
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
    async def person(self) -> AsyncIterator[Node]:
        """Start everything; the bus as the command line sees it, once all sessions are active.

        `bot_main` comes last: a session that it wants is refused when the others take long to start.
        """
        try:
            self._start(PATH[1:])
            async with client("cli", self.base, self.bus, READS, ("flow.request",)) as node:
                await self._until(lambda: self._n_ready(node) == len(PATH) - 1)
                self.sessions = _want_sessions(self.base.state_path, self._n_sessions)
                self._start(PATH[:1])
                await self._until(lambda: _n_active(node) == self._n_sessions)
                yield node
        finally:
            self._end()

    def _end(self) -> None:
        """Kill everything and forget it."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self._folder.cleanup()

    @staticmethod
    def _n_ready(node: Node) -> int:
        return sum(health.state is NodeState.READY for _, _, health in node.follow("report.health.").items())

    async def _until(self, reached: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + READY_S
        while not reached():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"not ready in {READY_S:g} s; {self._last_words()}")
            await asyncio.sleep(0.02)

    def _last_words(self) -> str:
        """The last line of each node's log."""
        words = []
        for name in self.processes:
            lines = Path(self.base.state_dir, f"{name}.log").read_text().splitlines()
            words.append(f"{name}: {lines[-1] if lines else 'nothing'}")
        return "; ".join(words)


def _n_active(node: Node) -> int:
    return sum(state.phase is Phase.ACTIVE for _, state in node.sessions())


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
