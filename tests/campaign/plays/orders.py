"""F31: five processes without a supervisor, started in every order; the first text is spoken."""

import asyncio
import itertools
import subprocess
import sys
import time
from contextlib import ExitStack

from tests.campaign.campaign import Run
from tests.campaign.home import Home
from tests.campaign.world import Kind
from tests.e2e.stack import ROOT

PROCESSES = ("bot_main", "llm_streamer", "tts_bridge", "discord_voice", "tts_server")
"""All that is needed where the model is somebody else's."""

ORDERS = tuple(itertools.permutations(PROCESSES))

STRIDE = 77
"""Has no divisor in common with the number of orders: a few runs see orders of every kind, all see all."""

APART_S = 0.3
"""Longest pause between two starts: some find the one before ready, some not."""


def _started(stack: ExitStack, node: str, env: dict[str, str], log: int) -> None:
    command = [sys.executable, "-m", f"procs.{node}"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)


async def f31_order(run: Run) -> None:
    """One order; somebody asks for a session before the first process is there."""
    await run.world.serve()
    stack = run.world.new_stack(**run.world.settings(Kind.OWN_VOICE))
    with stack.up_log.open("wb") as log, ExitStack() as processes:
        async with Home.visited(stack) as home:
            joining = asyncio.create_task(home.session())
            for node in ORDERS[run.index * STRIDE % len(ORDERS)]:
                _started(processes, node, stack.env, log.fileno())
                await asyncio.sleep(run.dice.uniform(0, APART_S))
            began_s = time.monotonic()
            await joining
            run.note("last start to session, s", time.monotonic() - began_s)
            await home.speaks("Hello.")
            run.note("last start to the end of the first text, s", time.monotonic() - began_s)
