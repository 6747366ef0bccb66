"""Secrets in the environment reach the processes that read them, and no others."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.secrets import holders
from tests.e2e.stack import Stack
from tests.ports import free_base_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HOLDERS = {
    "DISCORD_TOKEN": {"bot_main"},
    "DISCORD_BOT_TOKEN": {"bot_main"},
    "MIKU_DISCORD__TOKEN": {"bot_main"},
    "MIKU_LLM__API_KEY": {"bot_main", "llm_streamer"},
    "MIKU_WEB__JWT_SECRET": {"web_gateway"},
}
"""Some of them, and who reads them; the others are taken from the settings themselves."""


def canary(name: str) -> str:
    """A secret that is found wherever it gets; the percent sign means something to supervisord."""
    return f"canary-%-{name.lower()}-of-thirty-two-bytes-and-more"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    secrets = {name: canary(name) for name in holders()}
    nowhere = f"http://127.0.0.1:{free_base_port()}/api/v10"
    with Stack(tmp_path_factory.mktemp("secrets"), MIKU_DISCORD__API_BASE=nowhere, **secrets) as stack:
        yield stack


def held(pid: int) -> set[str]:
    """Variables of a process in which a canary is."""
    return {name for name, value in psutil.Process(pid).environ().items() if "canary-" in value}


def meant_for(node: str) -> set[str]:
    return {name for name, nodes in holders().items() if node in nodes}


def test_the_settings_say_who_reads_a_secret() -> None:
    assert {name: nodes for name, nodes in holders().items() if name in HOLDERS} == HOLDERS


def test_each_process_has_the_secrets_it_reads_and_no_others(stack: Stack) -> None:
    nodes = stack.pids()
    assert {node: held(pid) for node, pid in nodes.items()} == {node: meant_for(node) for node in nodes}


def test_nobody_else_of_the_stack_has_one_but_those_who_start_it(stack: Stack) -> None:
    nodes, up = set(stack.pids().values()), stack.keeper_pid()
    starters = {up, *(child.pid for child in psutil.Process(up).children())}
    others = [process for process in stack.processes() if process.pid not in nodes | starters]
    assert [process.name() for process in others if held(process.pid)] == []


def test_that_outlives_a_restart(stack: Stack) -> None:
    for node in ("bot_main", "discord_voice"):
        before = stack.kill(node)
        pid = wait_until(lambda node=node, before=before: after(stack, node, before))
        assert held(pid) == meant_for(node)


def after(stack: Stack, node: str, before: int) -> int:
    """A node's process id once it has another one."""
    pid = int(stack.status()[node].get("pid") or 0)
    return pid if pid != before else 0


def test_none_is_on_a_command_line_or_in_a_file_of_the_stack(stack: Stack) -> None:
    lines = [" ".join(process.cmdline()) for process in stack.processes()]
    files = [file for file in stack.state_path.rglob("*") if file.is_file()]
    assert [line for line in lines if "canary-" in line] == []
    assert [file.name for file in files if b"canary-" in Path(file).read_bytes()] == []
