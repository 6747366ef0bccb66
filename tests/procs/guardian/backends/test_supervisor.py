"""supervisord's RPC, its notices and its orphans, with the real supervisord."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.kernel import Kernel, orphans
from procs.guardian.backends.supervisor_rpc import SupervisorRpc
from tests.procs.guardian.supervised import Supervised, alive

pytestmark = pytest.mark.flow

PROGRAMS = """
[group:miku]
programs=sleeper,parent,stopped
[program:sleeper]
command=sleep 1000
startsecs=0
autorestart=true
[program:parent]
command=sh -c 'sleep 1001 & echo $! > child.pid; wait'
startsecs=0
autorestart=false
[program:stopped]
command=sleep 1002
autostart=false
startsecs=0
"""


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    running = Supervised(tmp_path, PROGRAMS)
    yield running
    running.close()


def child_of_parent(supervised: Supervised) -> int:
    file = supervised.folder / "child.pid"
    supervised.until(lambda: file.exists() and file.read_text().strip() != "")
    return int(file.read_text())


def test_it_lists_starts_stops_and_kills(supervised: Supervised) -> None:
    rpc = supervised.rpc
    assert {program.name: program.state for program in rpc.programs()} == {
        "sleeper": "RUNNING",
        "parent": "RUNNING",
        "stopped": "STOPPED",
    }
    rpc.start("stopped")
    supervised.until(lambda: supervised.state("stopped") == "RUNNING")
    rpc.stop("stopped")
    supervised.until(lambda: supervised.state("stopped") == "STOPPED")
    before = supervised.pid("sleeper")
    rpc.kill("sleeper")
    supervised.until(lambda: supervised.pid("sleeper") not in (0, before))


def test_orders_that_are_fulfilled_already_are_fine(supervised: Supervised) -> None:
    before = supervised.pid("sleeper")
    supervised.rpc.start("sleeper")
    supervised.rpc.stop("stopped")
    supervised.rpc.kill("stopped")
    assert supervised.pid("sleeper") == before
    assert supervised.state("stopped") == "STOPPED"


def test_nobody_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SupervisorGone):
        SupervisorRpc(tmp_path / "nothing.sock").programs()


def test_an_unknown_program_is_refused(supervised: Supervised) -> None:
    with pytest.raises(SupervisorGone, match="BAD_NAME"):
        supervised.rpc.start("nobody")


def test_a_frozen_supervisord_is_as_good_as_gone(supervised: Supervised) -> None:
    supervised.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(SupervisorGone):
            supervised.rpc.pid()
    finally:
        supervised.process.send_signal(signal.SIGCONT)


def test_the_child_of_a_killed_program_is_an_orphan_and_ended(supervised: Supervised) -> None:
    child = child_of_parent(supervised)
    keeper = supervised.process.pid
    assert orphans(supervised.server_url, keeper) == [], "its parent still lives"
    os.kill(supervised.pid("parent"), signal.SIGKILL)
    supervised.until(lambda: supervised.state("parent") == "EXITED")
    kernel = Kernel(supervised.server_url, keeper, supervised.folder / "miku.toml")
    assert kernel.kill_orphans() == 1
    supervised.until(lambda: not alive(child))
    assert supervised.state("sleeper") == "RUNNING"


def test_another_stacks_children_are_not_ours(supervised: Supervised) -> None:
    assert orphans("unix:///somewhere/else.sock", supervised.process.pid) == []


def test_without_a_supervisord_all_that_bear_its_mark_are_orphans(supervised: Supervised) -> None:
    child = child_of_parent(supervised)
    left = {supervised.pid("sleeper"), supervised.pid("parent"), child}
    supervised.process.kill()
    supervised.process.wait()
    assert set(orphans(supervised.server_url, None)) == left
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def test_a_change_of_the_settings_file_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "miku.toml"
    kernel = Kernel("unix:///none.sock", 1, file)
    assert not kernel.settings_changed()
    file.write_text("# new")
    assert kernel.settings_changed()
    assert not kernel.settings_changed()
    file.unlink()
    assert kernel.settings_changed()


LISTENER = """
import asyncio, sys
from procs.guardian.backends.listener import Listener

async def main():
    listener = Listener.take_over()
    print("this line must not break the protocol")
    with open("notices", "a") as file:
        async for notice in listener.notices():
            file.write(f"{notice.name} {notice.from_state} {notice.state}\\n")
            file.flush()

asyncio.run(main())
"""

WATCH = """
[eventlistener:watch]
command=%(ENV_PY)s listen.py
events=PROCESS_STATE
startsecs=0
stderr_logfile=%(ENV_FOLDER)s/watch.log
"""


async def test_the_listener_hears_every_change_and_survives_prints(tmp_path: Path) -> None:
    (tmp_path / "listen.py").write_text(LISTENER)
    root = Path(__file__).parents[4]
    supervised = await asyncio.to_thread(
        Supervised,
        tmp_path,
        PROGRAMS + WATCH,
        FOLDER=str(tmp_path),
        PY=sys.executable,
        PYTHONPATH=str(root),
    )
    try:
        notices = tmp_path / "notices"
        await asyncio.to_thread(supervised.until, notices.exists)
        await asyncio.to_thread(supervised.rpc.kill, "sleeper")
        wanted = ["sleeper RUNNING EXITED", "sleeper EXITED STARTING", "sleeper STARTING RUNNING"]
        await asyncio.to_thread(
            supervised.until, lambda: [w for w in wanted if w in notices.read_text()] == wanted
        )
        assert supervised.state("watch") == "RUNNING"
        assert "this line" in (tmp_path / "watch.log").read_text()
    finally:
        await asyncio.to_thread(supervised.close)
