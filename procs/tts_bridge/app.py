"""tts_bridge: tokens become sound. Hands each token to its turn; one task per turn, the turns of a session
in order, several sessions at once."""

import asyncio
from typing import Any

from bus import Bus, Received
from bus.messages import Phase, Token
from bus.topics import SINKS
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.config import TtsSettings
from procs.tts_bridge.core.marks import SpeakingRate
from procs.tts_bridge.core.track import MakeResampler
from procs.tts_bridge.readiness import Readiness
from procs.tts_bridge.turn import Turn, Voice


class TtsBridge:
    """The app of the node `tts_bridge` (`bus/interface.py`).

    Args:
        backend: the voice.
        make_resampler: makes one for each piece of sound that is not at 48 kHz.
    """

    name = "tts_bridge"
    reads: tuple[str, ...] = ("flow.token", "control.session.", "control.turn", "report.playout.")
    writes: tuple[str, ...] = (
        *(f"flow.audio.{sink}" for sink in SINKS),
        "report.spoken",
        "report.turn.tts_bridge",
    )

    def __init__(
        self, bus: Bus, settings: TtsSettings, backend: TtsBackend, make_resampler: MakeResampler
    ) -> None:
        self._bus = bus
        self._backend = backend
        self._readiness = Readiness(bus, backend, settings, is_speaking=lambda: bool(self._speaking))
        self._voice = Voice(backend, settings, make_resampler, self._readiness, SpeakingRate())
        self._newest: dict[str, Turn] = {}  # session -> turn; bounded by the sessions that live
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._speaking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._readiness.watch())
            group.create_task(self._forget_sessions())
            async for received in self._bus.pull("flow.token"):
                self._take(received, group)

    async def stop(self) -> None:
        for task in self._speaking:
            task.cancel()
        if self._speaking:
            await asyncio.wait(self._speaking)
        await self._backend.close()

    def _take(self, received: Received[Token], group: asyncio.TaskGroup) -> None:
        """A token goes to its turn; the first one of a newer turn starts that turn."""
        known = self._newest.get(received.session)
        if known is not None and received.turn == known.turn:
            known.put(received.message)
        elif known is None or received.turn > known.turn:
            if known is not None:
                known.end_text()
            self._start(received, group)

    def _start(self, received: Received[Token], group: asyncio.TaskGroup) -> None:
        session = received.session
        turn = Turn(self._bus, self._voice, session, received.turn, received.message)
        task = group.create_task(turn.run(self._tasks.get(session)))
        self._newest[session], self._tasks[session] = turn, task
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)

    async def _forget_sessions(self) -> None:
        """What is kept of a session goes with it."""
        changes: Any = self._bus.follow("control.session.").changes()
        async for change in changes:
            if change.new is None or change.new.phase is Phase.IDLE:
                self._newest.pop(change.session, None)
                self._tasks.pop(change.session, None)
                self._bus.clear_state("report.spoken", change.session)
