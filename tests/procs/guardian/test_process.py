"""The guardian as a real process under a real supervisord, with tiny nodes on a real bus."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus import client
from bus.messages import Health, NodeState
from bus.settings import BaseSettings, BusSettings
from procs.guardian.backends.kernel import kill_all, orphans
from tests.ports import free_base_port
from tests.procs.guardian.supervised import Supervised, alive

pytestmark = [pytest.mark.e2e]

ROOT = Path(__file__).parents[3]

NODE = """
import asyncio, os, subprocess, sys
from pathlib import Path
from bus import run
from bus.messages import NodeState
from procs.guardian.config import Config

class Tiny:
    name = sys.argv[1]
    reads = writes = ()
    def __init__(self, bus): self.bus = bus
    async def run(self):
        self.bus.report(NodeState.READY)
        child = subprocess.Popen(["sleep", "1000"])
        Path(f"{self.name}.child").write_text(str(child.pid))
        while not Path(f"{self.name}.crash").exists():
            await asyncio.sleep(0.02)
        os._exit(3)
    async def stop(self): pass

if Path(f"{sys.argv[1]}.crash").exists():
    sys.exit(3)
run(Tiny, Config, lambda node, config: Tiny(node))
"""

PROGRAMS = "[group:miku]\nprograms=llm_streamer,tts_bridge\n" + "".join(
    f"""
[program:{name}]
command="%(ENV_PY)s" node.py {name}
autorestart=true
startsecs=1
startretries=20
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=%(ENV_MIKU_STATE_DIR)s/{name}.log
"""
    for name in ("llm_streamer", "tts_bridge")
)

GUARDIAN = """
[eventlistener:guardian]
command="%(ENV_PY)s" -m procs.guardian
events=PROCESS_STATE
buffer_size=100
autorestart=true
stderr_logfile=%(ENV_MIKU_STATE_DIR)s/guardian.log
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    """One for all tests here; the last one ends it."""
    tmp_path = tmp_path_factory.mktemp("stack")
    (tmp_path / "node.py").write_text(NODE)
    running = Supervised(
        tmp_path,
        PROGRAMS + GUARDIAN,
        PY=sys.executable,
        PYTHONPATH=str(ROOT),
        MIKU_STATE_DIR=str(tmp_path),
        MIKU_CONFIG=str(tmp_path / "miku.toml"),
        MIKU_BUS__BASE_PORT=str(free_base_port()),
        MIKU_GUARDIAN__SILENCE_S="4",
        MIKU_GUARDIAN__STARTS="3",
    )
    for name in ("llm_streamer", "tts_bridge"):
        running.until((tmp_path / f"{name}.child").exists)
    running.until(lambda: '"started"' in (tmp_path / "guardian.log").read_text())
    yield running
    running.close()


async def guardian_health(stack: Supervised) -> Health:
    """What the guardian says of itself on the bus."""
    base_port = int(stack.environ["MIKU_BUS__BASE_PORT"])
    base, bus = BaseSettings(state_dir=str(stack.folder)), BusSettings(base_port=base_port)
    async with client("cli", base, bus, ("report.health.",)) as node:
        async for change in node.follow("report.health.").changes():
            if change.src == "guardian" and change.new is not None:
                health: Health = change.new
                return health
    raise AssertionError


def test_a_frozen_process_and_the_orphans_of_a_killed_one(stack: Supervised) -> None:
    frozen = stack.pid("llm_streamer")
    os.kill(frozen, signal.SIGSTOP)
    child = int((stack.folder / "tts_bridge.child").read_text())
    os.kill(stack.pid("tts_bridge"), signal.SIGKILL)
    stack.until(lambda: not alive(child))
    stack.until(lambda: stack.pid("llm_streamer") not in (0, frozen), patience_s=10)
    assert not alive(frozen)


async def test_a_crash_loop_rests_raises_the_alarm_and_recovers(stack: Supervised) -> None:
    cause = stack.folder / "tts_bridge.crash"
    cause.touch()
    stack.until(lambda: stack.state("tts_bridge") == "STOPPED")
    starts = (stack.folder / "supervisord.log").read_text().count("spawned: 'tts_bridge'")
    assert starts <= 3
    health = await guardian_health(stack)
    assert (health.state, health.code) == (NodeState.DEGRADED, "process_resting")
    assert stack.state("llm_streamer") == "RUNNING"
    cause.unlink()
    (stack.folder / "miku.toml").write_text("# mended\n")
    stack.until(lambda: stack.state("tts_bridge") == "RUNNING", patience_s=10)


def test_a_killed_supervisord_leaves_none_of_its_programs(stack: Supervised) -> None:
    pids = [stack.pid(name) for name in ("llm_streamer", "tts_bridge", "guardian")]
    stack.process.kill()
    stack.until(lambda: not any(alive(pid) for pid in pids), patience_s=3)
    left = orphans(stack.server_url, None)
    kill_all(left)
    assert not set(left) & set(pids), "what is not a node of ours ends by this alone"
