"""`miku doctor`: finds what is wrong and says what to do about it; works without a running stack."""

import argparse
import asyncio
import dataclasses
import inspect
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.table import Table

from bus import client
from bus.errors import BadSettings
from bus.messages import Health
from bus.topics import NODES
from cli.called import as_called
from cli.checks import discord, folder, hardware, llm, running, software, voice
from cli.checks.base import Check, Finding, Grade, Situation, fail
from cli.checks.settings import settings as check_settings
from cli.stack import Stack
from cli.view import View

HELP = "find what is wrong and what to do about it"
EXAMPLE = "miku doctor --json"

CHECK_S = 2.0
"""A check has this long; all run at once."""

LISTEN_S = 2.0
"""Health comes once a second."""

CHECKS: dict[str, Check] = {
    "python": software.python,
    "packages": software.packages,
    "libzmq": software.libzmq,
    "opus": software.opus,
    "state_dir": folder.state_folder,
    "disk": folder.disk,
    "sync_time": folder.sync_time,
    "keys": folder.keys,
    "databases": folder.databases,
    "logs": folder.logs,
    "ports": running.ports,
    "supervisor_socket": running.supervisor_socket,
    "processes": running.processes,
    "event_loops": running.loops,
    "bus": running.wire,
    "llm": llm.model_server,
    "llm_first_token": llm.first_token,
    "voice": voice.voice_server,
    "discord": discord.discord,
    "clock": hardware.clock,
    "gpu": hardware.gpu,
}

EXIT_CODES = {Grade.OK: 0, Grade.WARN: 1, Grade.FAIL: 2}


@dataclass(frozen=True)
class Result:
    """A finding with its check's name and time, as `--json` shows it."""

    id: str
    state: Grade
    value: str
    cause: str
    remedy: str
    ms: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Words after the verb."""
    parser.add_argument("--json", action="store_true", help="results as JSON")


async def run(view: View, args: argparse.Namespace) -> int:
    """Check everything; exit code 0 = well, 1 = warnings, 2 = failures."""
    with view.progress("checking ...") as progress:
        settings, finding = check_settings()
        results, situation = [_result("settings", finding, 0.0)], None
        if settings is not None:
            situation = await _situation(Stack(settings))
            progress.tell(f"checking {len(results) + len(CHECKS)} things ...")
            results += await examine(situation, CHECKS)
    if args.json:
        view.line(json.dumps([dataclasses.asdict(result) for result in results], indent=2))
    else:
        _show(view, results, is_running=situation is not None and situation.running)
    return max(EXIT_CODES[result.state] for result in results)


async def examine(situation: Situation, checks: dict[str, Check]) -> list[Result]:
    """Run checks side by side."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(checks)) as pool:
        loop.set_default_executor(pool)
        return list(await asyncio.gather(*(_one(situation, name, check) for name, check in checks.items())))


async def _one(situation: Situation, name: str, check: Check) -> Result:
    started_s = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_S):
            if inspect.iscoroutinefunction(check):
                finding = await check(situation)
            else:
                finding = await asyncio.to_thread(check, situation)
    except TimeoutError:
        finding = fail(
            f"over {CHECK_S:g} s", "This check got no answer in time.", "Ask again; the machine may hang."
        )
    return _result(name, finding, time.monotonic() - started_s)


def _result(name: str, finding: Finding, took_s: float) -> Result:
    return Result(name, finding.grade, finding.value, finding.cause, finding.remedy, round(took_s * 1000))


async def _situation(stack: Stack) -> Situation:
    if not await asyncio.to_thread(stack.is_running):
        return Situation(stack, running=False)
    try:
        return Situation(stack, running=True, health=await _listen(stack))
    except BadSettings:
        return Situation(stack, running=True)


async def _listen(stack: Stack) -> dict[str, Health]:
    """Each node's health, as soon as all have spoken or the time is over."""
    async with client("cli", stack.base, stack.bus, ("report.health.",)) as bus:
        view = bus.follow("report.health.")
        deadline_s = time.monotonic() + LISTEN_S
        while len(view.items()) < len(NODES) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.02)
        return {src: health for src, _, health in view.items()}


def _show(view: View, results: list[Result], *, is_running: bool) -> None:
    table = Table("", "check", "found", "what to do", box=None, pad_edge=False)
    signs = {Grade.OK: "ok", Grade.WARN: "warn", Grade.FAIL: "FAIL"}
    for result in results:
        advice = as_called(f"{result.cause} {result.remedy}".strip())
        table.add_row(signs[result.state], result.id, result.value, advice)
    view.table(table)
    worst = max(results, key=lambda result: EXIT_CODES[result.state])
    if worst.state is Grade.OK:
        view.line(
            "All is well." if is_running else "All is well. Miku is not running: `./miku up` starts her."
        )
