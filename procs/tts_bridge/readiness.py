"""Whether the voice can speak: shown in health, waited for by turns while it warms up.

A missing voice is never an exit: it is tried again for ever, and health turns green by itself.
"""

import asyncio
from collections.abc import Callable

from bus import Bus
from bus.errors import BackendError
from bus.messages import NodeState
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.config import TtsSettings

PROBE_PERIOD_S = 5.0
"""How often a voice that is well is looked after."""

PROBE_PATIENCE_S = 10.0
"""Longer than any wait of a backend, which knows its server better."""

RETRY_S = (0.25, 0.5, 1.0, 2.0)
"""Waits between attempts while the voice is loading or missing; the last one repeats."""


class Readiness:
    """Looks after one voice.

    Args:
        settings: name the voice, and how long it may be loading before it counts as missing.
        is_speaking: while it speaks it is left alone: a busy server may be slow to answer questions.
    """

    def __init__(
        self, bus: Bus, backend: TtsBackend, settings: TtsSettings, is_speaking: Callable[[], bool]
    ) -> None:
        self._bus = bus
        self._backend = backend
        self._settings = settings
        self._is_speaking = is_speaking
        self._settled = asyncio.Event()
        self._look_now = asyncio.Event()
        self._loading_since_ns: int | None = None

    async def settled(self) -> None:
        """Wait while the voice warms up; a missing one is not waited for."""
        await self._settled.wait()

    def doubt(self) -> None:
        """A turn has failed: look at once."""
        self._look_now.set()

    async def watch(self) -> None:
        """Probe the voice and report what it is, for ever."""
        self._bus.report(
            NodeState.LOADING, "tts_loading", "looking for the voice", backend=self._settings.voice
        )
        n_failures = 0
        while True:
            well = await self._probe()
            n_failures = 0 if well else n_failures + 1
            if well:
                await self._wait(PROBE_PERIOD_S)
                await self._wait_while_speaking()
            else:
                await self._wait(RETRY_S[min(n_failures, len(RETRY_S)) - 1])
            self._look_now.clear()

    async def _probe(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_PATIENCE_S):
                facts = await self._backend.warm_up()
        except BackendError as error:
            self._missing(error.code, error.detail)
            return False
        except TimeoutError:
            self._missing("tts_unreachable", f"no answer in {PROBE_PATIENCE_S:g} s")
            return False
        self._loading_since_ns = None
        self._bus.report(NodeState.READY, **facts)
        self._settled.set()
        return True

    def _missing(self, code: str, detail: str) -> None:
        now_ns = self._bus.clock.mono_ns()
        if code != "tts_loading":
            self._loading_since_ns = None
        elif self._loading_since_ns is None:
            self._loading_since_ns = now_ns
        since_ns = self._loading_since_ns
        if since_ns is not None and now_ns - since_ns < self._settings.warmup_timeout_s * 1e9:
            self._settled.clear()
            self._bus.report(NodeState.LOADING, code, detail)
        else:
            self._settled.set()
            self._bus.report(NodeState.DEGRADED, code, detail)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._look_now.wait()
        except TimeoutError:
            return

    async def _wait_while_speaking(self) -> None:
        while self._is_speaking() and not self._look_now.is_set():
            await self._wait(RETRY_S[0])
