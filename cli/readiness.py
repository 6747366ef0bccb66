"""Follows the nodes' health for `miku up`: until all are ready, then every change."""

import asyncio
import time
from collections.abc import Callable

from bus import Bus
from bus.errors import CODES
from bus.messages import Health, NodeState
from bus.topics import NODES

FIRST_SECONDS = 2
"""A node that misses a backend this soon may only have been faster than the node that serves it."""

SLOW_S = 20.0
"""After this a process that is not even loading is named, and the rest goes on."""

ONLINE_S = 5.0
"""Discord answers within two seconds; who waits for an invitation is not kept any longer than this."""

LOOK_S = 0.02

Healths = dict[str, Health]


def healths(bus: Bus) -> Healths:
    """Node → what it says of itself now."""
    return {src: health for src, _, health in bus.follow("report.health.").items()}


async def until_ready(bus: Bus, is_alive: Callable[[], bool], tell: Callable[[str], None]) -> list[str]:
    """Wait for every node; returns those that are late.

    Args:
        is_alive: whether waiting still makes sense.
        tell: gets one line on how far it is.
    """
    deadline_s = time.monotonic() + SLOW_S
    while is_alive():
        now = healths(bus)
        waiting = [node for node in NODES if node not in now or not _is_settled(now[node])]
        if not waiting:
            return []
        loading = [node for node in waiting if node in now and now[node].state is NodeState.LOADING]
        hopeless = "guardian" in now and now["guardian"].state is NodeState.DEGRADED
        if not loading and (hopeless or time.monotonic() > deadline_s):
            return waiting
        first = (loading or waiting)[0]
        detail = now[first].detail if first in now else ""
        ready = len(NODES) - len(waiting)
        tell(f"starting: {ready} of {len(NODES)} ready, waiting for {first} {detail}".rstrip())
        await asyncio.sleep(LOOK_S)
    return []


def _is_settled(health: Health) -> bool:
    """Whether a node has done what it could to get ready."""
    is_degraded = health.state is NodeState.DEGRADED and health.uptime_s >= FIRST_SECONDS
    return health.state is NodeState.READY or is_degraded


def changes(before: Healths, now: Healths) -> list[str]:
    """A line for each node whose state or code is another than before."""
    lines = [_change(node, before.get(node), now.get(node)) for node in NODES]
    return [line for line in lines if line]


def invitation(now: Healths) -> str:
    """Where she is invited into a Discord server; empty while she is not online there."""
    return now["bot_main"].facts.get("invite", "") if "bot_main" in now else ""


async def until_invited(bus: Bus) -> str:
    """Wait until she is online in Discord, or can't be, or for some seconds; where she is invited."""
    deadline_s = time.monotonic() + ONLINE_S
    while _is_connecting(healths(bus).get("bot_main")) and time.monotonic() < deadline_s:
        await asyncio.sleep(LOOK_S)
    return invitation(healths(bus))


def _is_connecting(health: Health | None) -> bool:
    if health is None:
        return True
    told = health.facts.get("discord", "connecting")
    return health.state is not NodeState.DEGRADED and told == "connecting"


def degraded(now: Healths) -> list[str]:
    """A line for each node that misses something."""
    return [_degraded(node, h) for node, h in now.items() if h.state is NodeState.DEGRADED]


def _change(node: str, before: Health | None, now: Health | None) -> str:
    if now is None:
        return f"{node}: silent" if before is not None else ""
    if before is not None and (before.state, before.code) == (now.state, now.code):
        return ""
    if now.state is NodeState.DEGRADED:
        return _degraded(node, now)
    return "" if now.state is NodeState.STARTING else f"{node}: {now.state}"


def _degraded(node: str, health: Health) -> str:
    code = CODES.get(health.code)
    words = f"{code.cause} {code.remedy}" if code else ""
    return " ".join(part for part in (f"{node}: degraded.", words, health.detail) if part)
