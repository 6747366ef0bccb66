"""The whole stack, run as a user does: start, restart of killed nodes, what it costs while nobody speaks."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil

from bench.figures import quantile
from bench.machine import MIB, cpu_seconds
from bench.observer import Observer
from bench.results import Cell, Results
from bus.messages import NodeState
from bus.settings import BaseSettings, BusSettings
from bus.topics import NODES
from cli.stack import CONF
from tests.e2e.stack import ROOT, Stack

SETTLE_S = 1.2
"""Between two kills: supervisord takes a life of under a second for a failed start."""

MANY_STARTS = "1000"
"""The guardian would take so many kills for a crash loop, and let the node rest."""

SUPERVISOR_ALONE = """
[supervisord]
nodaemon=true
silent=true
logfile={folder}/log
pidfile={folder}/pid
[unix_http_server]
file={folder}/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--kills", type=int, default=5, help="of each node")
    parser.add_argument("--idle-seconds", type=float, default=20.0)


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("start")
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as name:
        stack = Stack(Path(name), MIKU_GUARDIAN__STARTS=MANY_STARTS)
        rows: list[list[Cell]] = [["python -c pass", *_seconds(lambda: _python("pass"))]]
        rows.append(["supervisord without programs", *_seconds(_start_supervisor)])
        rows.append(["miku up, first time", *_seconds(stack.start, n=1)])
        stack.stop()
        rows.append(["miku up, set up", *_seconds(stack.start, after=stack.stop)])
        results.table("start until ready; target 5 s", ("what", "p50 s", "max s"), rows)
        with stack:
            results.table(*_idle(stack, args.idle_seconds))
            kills = asyncio.run(_kill_each(stack, args.kills))
        results.table(
            "kill -9 until back in service; target 1 s", ("node", "p50 s", "max s", "import s"), kills
        )
    results.save()


def _seconds(call: Callable[[], object], after: Callable[[], object] = int, n: int = 3) -> list[Cell]:
    """p50 and maximum of `n` calls."""
    took_s = []
    for _ in range(n):
        began_s = time.monotonic()
        call()
        took_s.append(time.monotonic() - began_s)
        after()
    return [quantile(took_s, 0.5), max(took_s)]


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def _start_supervisor() -> None:
    """Until its socket is there."""
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as folder:
        conf = Path(folder, CONF.name)
        conf.write_text(SUPERVISOR_ALONE.format(folder=folder))
        with psutil.Popen([sys.executable, "-m", "supervisor.supervisord", "-c", f"{conf}"]) as process:
            while not Path(folder, "socket").exists():
                time.sleep(0.005)
            process.kill()


def _idle(stack: Stack, for_s: float) -> tuple[str, Sequence[str], list[list[Cell]]]:
    """CPU and memory of every process while nobody speaks."""
    time.sleep(2)  # what the start has left to do is done
    processes = [p for p in stack.processes() if p.is_running()]
    before = {process: cpu_seconds(process) for process in processes}
    time.sleep(for_s)
    rows: list[list[Cell]] = []
    for process in processes:
        percent = 100 * (cpu_seconds(process) - before[process]) / for_s
        memory = process.memory_full_info()
        rows.append([_name(process), percent, memory.rss / MIB, memory.uss / MIB])
    rows.sort(key=lambda row: str(row[0]))
    sums = [sum(float(row[i]) for row in rows) for i in (1, 2, 3)]
    title = f"nobody speaks, {for_s:g} s; target: 2 % of a core in all"
    return title, ("process", "CPU %", "RSS MiB", "USS MiB"), [*rows, ["all", *sums]]


def _name(process: psutil.Process) -> str:
    """A node by its title, everything else by its module."""
    words: list[str] = process.cmdline()
    if words[0].startswith("miku: "):
        return words[0].removeprefix("miku: ").strip()
    return " ".join(words[words.index("-m") + 1 :][:2]) if "-m" in words else words[0]


async def _kill_each(stack: Stack, n_kills: int) -> list[list[Cell]]:
    base = BaseSettings(state_dir=f"{stack.state_path}")
    bus = BusSettings(base_port=stack.base_port)
    rows: list[list[Cell]] = []
    async with Observer(base, bus) as observer:
        for name in NODES:
            await observer.until(partial(observer.is_ready, name), name)
            took_s = [await _kill(observer, name) for _ in range(n_kills)]
            loading = partial(_python, f"import procs.{name}.__main__")
            import_s, _ = await asyncio.to_thread(_seconds, loading)
            rows.append([name, quantile(took_s, 0.5), max(took_s), import_s])
    return rows


async def _kill(observer: Observer, name: str) -> float:
    """Seconds until another process of that name says that it is ready."""
    await asyncio.sleep(SETTLE_S)
    before = observer.health(name)
    assert before is not None
    began_s = time.monotonic()
    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        now = observer.health(name)
        return now is not None and now.pid != before.pid and now.state is NodeState.READY

    await observer.until(is_back, f"{name} again")
    return time.monotonic() - began_s
