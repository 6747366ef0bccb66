"""One run's visit to a furnished home: rooms of its own, so that no run sees what another one wrote."""

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from bus import client
from bus.interface import LevelView
from bus.messages import Health, HouseState, NodeState, Phase, SessionState
from bus.settings import BaseSettings, BusSettings
from bus.topics import NODES
from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.supervisor_rpc import SupervisorRpc
from tests.e2e.house import House
from tests.e2e.stack import Stack
from tests.waiting import wait_until

LOUNGE = "Lounge"
PATIENCE_S = 60.0
"""Only ends what would never end."""
MARK = "🎤"
SINK = "discord_voice"
KILL_EVERY_S = 0.05
"""A process that must not come back is looked for so often; none of ours speaks that soon."""

_numbers = itertools.count(1)


class Watch:
    """What the bus says of sessions and features."""

    def __init__(self) -> None:
        self._houses: LevelView[HouseState]
        self._health: LevelView[Health]
        self._sessions: LevelView[SessionState]
        self.starting_s = 0.0
        """Monotonic seconds at which a session was last said to begin."""

    async def follow(self, stack: Stack) -> None:
        """Look on until cancelled."""
        base, bus = BaseSettings(str(stack.state_path)), BusSettings(base_port=stack.base_port)
        topic = f"control.session.{SINK}"
        async with client("cli", base, bus, ("report.house", "report.health.", topic)) as node:
            self._houses, self._health = node.follow("report.house"), node.follow("report.health.")
            self._sessions = node.follow(topic)
            async for change in self._sessions.changes():
                if change.new and change.new.phase is Phase.STARTING:
                    self.starting_s = time.monotonic()

    @property
    def is_looking(self) -> bool:
        """Whether it hears anything yet."""
        return hasattr(self, "_sessions") and self._houses.get() is not None

    @property
    def closed(self) -> list[str]:
        """Features that stand back, up to half a second late; all while nobody says anything."""
        state = self._houses.get()
        return [one.name for one in state.features if not one.is_open] if state else ["unknown"]

    @property
    def is_well(self) -> bool:
        """Whether every node is there and ready."""
        return all(
            (health := self._health.get(src=node)) and health.state is NodeState.READY for node in NODES
        )

    @property
    def phase(self) -> Phase | None:
        """Of the session that there is, None without one."""
        phases = [state.phase for _, _, state in self._sessions.items()]
        return next((phase for phase in phases if phase is not Phase.IDLE), None)


class Visit:
    """Somebody in two new rooms: the hall, where she is called, and the study, where people write to her."""

    def __init__(self, house: House, watch: Watch) -> None:
        self.house, self.watch = house, watch
        self.home, self.stack = house.home, house.home.stack
        self.hall, self.study = self.room("hall"), self.room("study")
        self._supervisor = SupervisorRpc(self.stack.state_path / "supervisor.sock")

    def room(self, kind: str) -> str:
        """The name of a new text channel."""
        name = f"{kind}-{next(_numbers)}"
        self.home.remote.director.place(name=name)
        return name

    # --- talking ------------------------------------------------------------------------------------

    def calls(self, command: str, who: str = "Ann") -> int:
        """Somebody writes a command in the hall; the message's id."""
        return self.home.says(f"!miku {command}", who, self.hall)

    def says(self, text: str, who: str = "Ann", place: str = "", **more: object) -> int:
        """Somebody writes to her in the study; the message's id."""
        return self.house.says(text, who, place or self.study, **more)

    def written(self, place: str = "") -> list[dict[str, Any]]:
        """All messages of a room, the study by default."""
        found: list[dict[str, Any]] = self.home.remote.place(place or self.study).messages()
        return found

    def replies(self, message: int, place: str = "") -> list[str]:
        """What she has replied to a message."""
        return [one["content"] for one in self.written(place) if int(one["reply_to"] or 0) == message]

    def is_marked(self, message: int, place: str = "") -> bool:
        """Whether her mark is below a message."""
        found = next(one for one in self.written(place) if int(one["id"]) == message)
        return MARK in found["reactions"]

    def answer(self, message: int, place: str = "", patience_s: float = PATIENCE_S) -> str:
        """Her first reply to a message."""
        return wait_until(lambda: self.replies(message, place), patience_s)[0]

    # --- sessions -----------------------------------------------------------------------------------

    def join(self) -> None:
        """She is called, and may be heard."""
        self.home.remote.person("Ann").joins(place=LOUNGE)
        said = self.answer(self.calls("join"), self.hall)
        assert said.startswith("🎤 Joined"), said
        wait_until(lambda: self.watch.phase is Phase.ACTIVE, PATIENCE_S)

    def ask_out(self) -> None:
        """She is sent away until she has gone, as by a person whose words fall on deaf ears."""
        while self.watch.phase is not None or self.home.bot.voice() is not None:
            self.calls("leave")
            with suppress(AssertionError):
                wait_until(lambda: self.is_out, 5)

    @property
    def is_out(self) -> bool:
        """Whether there is no session, and she is in no channel."""
        return self.watch.phase is None and self.home.bot.voice() is None

    def is_free(self) -> bool:
        """Whether no feature stands back."""
        return not self.watch.closed

    # --- processes ----------------------------------------------------------------------------------

    def pid(self, node: str) -> int:
        """Process id, 0 for none."""
        with suppress(SupervisorGone):
            programs = self._supervisor.programs()
            return next((one.pid for one in programs if one.name == node), 0)
        return 0

    def kill(self, node: str, number: int = signal.SIGKILL) -> int:
        """A signal for a process; its id."""
        pid = self.pid(node)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    @contextmanager
    def frozen(self, node: str) -> Iterator[None]:
        """A process stands still, unless it is replaced meanwhile."""
        pid = self.kill(node, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def dead(self, node: str) -> Iterator[None]:
        """A process is killed, and again whenever it is started."""
        over = threading.Event()

        def keep_dead() -> None:
            while not over.wait(KILL_EVERY_S):
                self.kill(node)

        self.kill(node)
        thread = threading.Thread(target=keep_dead)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def well(self) -> None:
        """Until every node is ready, Discord is reached, and nobody is in a session."""
        wait_until(lambda: self.watch.is_well and self.home.bot.is_online(), PATIENCE_S)
        self.ask_out()
        wait_until(self.is_free, PATIENCE_S)


@asynccontextmanager
async def visiting(house: House) -> AsyncIterator[Visit]:
    """A visit with somebody who looks on."""
    watch = Watch()
    task = asyncio.create_task(watch.follow(house.home.stack))
    try:
        await asyncio.to_thread(wait_until, lambda: watch.is_looking or task.done(), PATIENCE_S)
        if task.done():
            await task
        yield await asyncio.to_thread(Visit, house, watch)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
