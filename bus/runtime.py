"""`run(App, Config, make)`: everything around an app that every process needs.

Reads the settings, sets up logs, title and signals, opens the node, runs the app, ends within 5 s on
TERM. Guards: a process dies with its supervisor, and a loop that stalls ends the process with all stacks
printed, because a supervisor sees an exit and never a hang.
"""

import asyncio
import ctypes
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

import setproctitle

from bus.clock import SystemClock
from bus.errors import OurError
from bus.keys import KeyRing
from bus.log import JsonLog
from bus.messages import SettingsState, SettingValue
from bus.node import Node
from bus.secret_names import forget_secrets
from bus.settings import BaseSettings, BusSettings, load, shown
from bus.sockets import Transport

C = TypeVar("C")

LOOP_STALL_S = 10.0
"""A loop that does not turn for this long is hung; model work runs in threads and never takes it."""

STOP_PATIENCE_S = 4.0
"""Time an app has for its last words; the supervisor kills after 5 s."""

EXIT_SETTINGS = 78
"""sysexits EX_CONFIG: the operator can mend it; the log has one sentence."""


class App(Protocol):
    """What an app class looks like; see `bus/interface.py`."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def stop(self) -> None:
        """Finish what must be finished, within 4 s."""
        ...


def run(app: type[App], config: type[C], make: Callable[[Node, C], App]) -> None:
    """Run an app as this process; does not return.

    Args:
        app: class with the contract (`name`, `reads`, `writes`).
        config: frozen dataclass of sections, among them `base` and `bus`.
        make: builds the app from its node and its settings.
    """
    _end_with_parent()
    setproctitle.setproctitle(f"miku: {app.name}")
    try:
        settings = load(config)
        forget_secrets(config, os.environ)
        code = asyncio.run(_main(app, settings, make))
    except OurError as error:
        JsonLog(app.name, SystemClock()).error("can't run", reason=str(error))
        code = EXIT_SETTINGS
    sys.exit(code)


async def _main(app_type: type[App], settings: Any, make: Callable[[Node, Any], App]) -> int:
    base: BaseSettings = settings.base
    clock = SystemClock()
    log = JsonLog(app_type.name, clock, base.log_level)
    keys = KeyRing.load(base.state_path)
    stopping = _on_signals()
    with Transport(app_type.name, keys, settings.bus) as transport:
        node = Node(app_type.name, app_type.reads, app_type.writes, transport, clock, log)
        try:
            await node.open()
            node.set_state(f"report.settings.{node.name}", SettingsState(_listed(settings)))
            return await _serve(node, make(node, settings), stopping)
        finally:
            node.close()


def _listed(settings: object) -> tuple[SettingValue, ...]:
    return tuple(SettingValue(name, value) for name, value in shown(settings).items())


async def _serve(node: Node, app: App, stopping: asyncio.Event) -> int:
    """Run until a signal or a failure; returns the exit code."""
    node.log.info("started", pid=os.getpid())
    gc.freeze()  # what was loaded so far stays; collections then look at little and pause shortly
    faulthandler.register(signal.SIGALRM, chain=True)
    tasks = [
        asyncio.create_task(node.beat_for_ever(_arm_watchdog), name="beat"),
        asyncio.create_task(app.run(), name="app"),
    ]
    waiter = asyncio.create_task(stopping.wait(), name="signals")
    done, _ = await asyncio.wait([*tasks, waiter], return_when=asyncio.FIRST_COMPLETED)
    failed = [t for t in done if t is not waiter]
    node.say_stopping()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_PATIENCE_S):
            await app.stop()
    for task in [*tasks, waiter]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if failed:
        raise next((r for r in results if isinstance(r, Exception)), RuntimeError(f"{node.name} ended"))
    node.log.info("stopped")
    return 0


def _on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _arm_watchdog() -> None:
    """Put a death off that needs neither this loop nor the GIL: the kernel's alarm prints all stacks and ends
    the process. `faulthandler`'s own timer would start a thread each time."""
    signal.setitimer(signal.ITIMER_REAL, LOOP_STALL_S)


def _end_with_parent() -> None:
    """Under a supervisor: be killed when it dies, so that it leaves no orphan (Linux prctl)."""
    if "SUPERVISOR_ENABLED" in os.environ:
        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


@asynccontextmanager
async def client(
    role: str, base: BaseSettings, bus: BusSettings, reads: tuple[str, ...], writes: tuple[str, ...] = ()
) -> AsyncIterator[Node]:
    """The bus for a person's tool: follows levels and events, sends requests, publishes nothing.

    Args:
        role: one of `bus.topics.PEOPLE`.

    Raises:
        BadSettings: no usable keys.
    """
    clock = SystemClock()
    with Transport(role, KeyRing.load(base.state_path), bus) as transport:
        node = Node(role, reads, writes, transport, clock, JsonLog(role, clock, base.log_level))
        try:
            await node.open()
            beat = asyncio.create_task(node.beat_for_ever())
            try:
                yield node
            finally:
                beat.cancel()
        finally:
            node.close()
