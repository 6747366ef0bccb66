"""The keeper with the real supervisord and tiny programs."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli import keeper as keeper_module
from cli.keeper import Keeper, Silence
from cli.refusal import Refusal
from cli.settings_table import read
from cli.stack import Stack
from tests.procs.guardian.supervised import alive
from tests.waiting import until, wait_until

pytestmark = pytest.mark.flow

CONF = """
[supervisord]
nodaemon=true
silent=true
logfile=%(ENV_MIKU_STATE_DIR)s/logs/supervisord.log
pidfile=%(ENV_MIKU_STATE_DIR)s/supervisord.pid
[unix_http_server]
file=%(ENV_MIKU_STATE_DIR)s/supervisor.sock
chmod=0700
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:polite]
command=sleep 1000
startsecs=0
stopasgroup=true
[program:deaf]
command=sh deaf.sh
startsecs=0
stopwaitsecs=100
"""

DEAF = """
trap "" TERM
sleep 1001 &
echo $! > "$MIKU_STATE_DIR/child"
env > "$MIKU_STATE_DIR/env"
while :; do sleep 1; done
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    conf = tmp_path / "supervisord.conf"
    conf.write_text(CONF)
    (tmp_path / "deaf.sh").write_text(DEAF)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keeper_module, "CONF", conf)
    stack = Stack(read({"MIKU_STATE_DIR": str(tmp_path / "a state")}, tmp_path / "miku.toml"))
    stack.prepare()
    return stack


@pytest.fixture
async def keeper(stack: Stack) -> AsyncIterator[Keeper]:
    keeper = Keeper(stack)
    await keeper.start()
    yield keeper
    await keeper.kill()


def pids_of(stack: Stack) -> list[int]:
    wait_until((stack.state_path / "env").exists)
    child = int((stack.state_path / "child").read_text())
    return [child, stack.supervisor.pid(), *(program.pid for program in stack.supervisor.programs())]


async def test_a_stop_leaves_nobody_within_five_seconds(keeper: Keeper, stack: Stack) -> None:
    pids = await asyncio.to_thread(pids_of, stack)
    started_s = time.monotonic()
    await keeper.stop()
    took_s = time.monotonic() - started_s
    assert not [pid for pid in pids if alive(pid)]
    assert took_s < keeper_module.STOP_S + 5, "the deaf one was waited for"


async def test_a_frozen_supervisord_is_ended_too(keeper: Keeper, stack: Stack) -> None:
    pids = await asyncio.to_thread(pids_of, stack)
    os.kill(stack.supervisor.pid(), signal.SIGSTOP)
    await keeper.stop()
    assert not [pid for pid in pids if alive(pid)]


async def test_orphans_of_an_earlier_stack_are_ended_before_the_next_start(
    keeper: Keeper, stack: Stack
) -> None:
    pids = await asyncio.to_thread(pids_of, stack)
    os.kill(stack.supervisor.pid(), signal.SIGKILL)
    await until(lambda: not keeper.is_alive())
    assert [pid for pid in pids if alive(pid)], "sleep does not ask the kernel to die with its parent"
    second = Keeper(stack)
    await second.start()
    try:
        assert not [pid for pid in pids if alive(pid)]
    finally:
        await second.kill()


async def test_the_callers_environment_reaches_every_process(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:100%25@proxy:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/a folder/ca.pem")
    keeper = Keeper(stack)
    await keeper.start()
    try:
        environment = stack.state_path / "env"
        await until(environment.exists)
        await until(lambda: "SSL_CERT_FILE=/etc/a folder/ca.pem" in environment.read_text())
        assert "HTTPS_PROXY=http://user:100%25@proxy:3128" in environment.read_text()
    finally:
        await keeper.kill()


async def test_a_supervisord_that_can_not_start_says_why(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "supervisord.conf").write_text("[supervisord]\nlogfile=/no/such/folder/x.log\n")
    with pytest.raises(Refusal, match="Error: The directory named as part of the path"):
        await Keeper(stack).start()


KEEP = """
import asyncio, sys
from pathlib import Path
from cli import keeper
from cli.settings_table import read
from cli.stack import Stack
async def main():
    keeper.CONF = Path(sys.argv[2])
    await keeper.Keeper(Stack(read({"MIKU_STATE_DIR": sys.argv[1]}, Path("/nowhere/miku.toml")))).start()
    print("started", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


def test_supervisord_ends_with_its_keeper(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "supervisord.conf").write_text(CONF.partition("[program:deaf]")[0])
    command = [sys.executable, "-c", KEEP, str(stack.state_path), str(tmp_path / "supervisord.conf")]
    keeping = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert keeping.stdout is not None
    assert keeping.stdout.readline() == "started\n"
    pids = [stack.supervisor.pid(), *(program.pid for program in stack.supervisor.programs())]
    keeping.kill()
    keeping.wait()
    wait_until(lambda: not [pid for pid in pids if alive(pid)])


def test_silence_is_over_once_per_silence() -> None:
    silence = Silence(3.0)
    assert not silence.is_over(0, heard=False), "whoever was never heard is not missed"
    assert not silence.is_over(1, heard=True)
    assert not silence.is_over(3.9, heard=False)
    assert silence.is_over(4.1, heard=False)
    assert not silence.is_over(60, heard=False)
    silence.is_over(61, heard=True)
    assert silence.is_over(65, heard=False)
