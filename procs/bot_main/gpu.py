"""The GPU plan carried out: before a session the other servers unload, and what is free is read."""

import asyncio
from collections.abc import Sequence

from bus import Bus
from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.base_gpu import ModelServer, VramMeter
from procs.bot_main.core.gpu_plan import Freed, GpuReport, judge, lines, needed
from procs.bot_main.feature_settings import GpuSettings

UNLOAD_S = 4.0
"""For all servers together, which work at the same time."""
LOOK_S = 0.1
LOOK_LATER_S = 0.4
"""After the first second."""


class GpuPlan:
    """Makes room before a session, and tells how it is.

    Args:
        servers: that give their cards free; the voice route's is not among them.
        voice: the voice route's server, where it can be asked for its models.

    Raises:
        BadSettings: `gpu.needed_mib` can't be used.
    """

    def __init__(
        self,
        bus: Bus,
        settings: GpuSettings,
        servers: Sequence[ModelServer],
        meter: VramMeter,
        voice: ModelServer | None = None,
    ) -> None:
        try:
            self._needed = needed(settings.needed_mib)
        except ValueError as error:
            raise BadSettings(f"gpu.needed_mib holds {str(error)!r}: write it like amd0=9000") from None
        self._bus = bus
        self._refuses = settings.when_short == "refuse"
        self._servers = servers
        self._meter = meter
        self._voice = voice
        self._report = GpuReport()

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do before a session."""
        return bool(self._servers or self._needed)

    async def before_session(self) -> GpuReport:
        """Make room; takes at most about 6 s, and never raises: the report says whether to go on."""
        freed, is_loaded = await asyncio.gather(
            asyncio.gather(*map(self._freed, self._servers)), self._is_loaded()
        )
        cards = await self._meter.read()
        self._report = judge(freed, cards, self._needed, self._refuses, is_loaded)
        self._bus.log.info(
            "gpu_plan",
            code=self._report.code,
            detail=self._report.detail,
            unloaded=sum(len(one.unloaded) for one in self._report.freed),
        )
        return self._report

    def lines(self) -> dict[str, str]:
        """What was found before the latest session, for `voice-status`."""
        return lines(self._report)

    def shortage(self) -> str:
        """Figures of each card that was short of memory before the latest session, else empty."""
        return self._report.detail if self._report.code == "gpu_short" else ""

    async def close(self) -> None:
        """Let go of the connections to the servers."""
        for server in (*self._servers, *([self._voice] if self._voice else [])):
            await server.close()

    async def _freed(self, server: ModelServer) -> Freed:
        unloaded: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(UNLOAD_S):
                unloaded = tuple(model.name for model in await server.running())
                await server.unload()  # even if it lists none: older servers do not list what still loads
                await self._gone(server)
        except BackendError as error:
            self._bus.log.warning("gpu_free", code=error.code, detail=error.detail)
            return Freed(server.address, unloaded, error.code, error.detail)
        except TimeoutError:
            return Freed(server.address, unloaded, "gpu_not_freed", f"still loaded after {UNLOAD_S:g} s")
        return Freed(server.address, unloaded)

    async def _gone(self, server: ModelServer) -> None:
        begin = asyncio.get_running_loop().time()
        while await server.running():
            waited_s = asyncio.get_running_loop().time() - begin
            await asyncio.sleep(LOOK_S if waited_s < 1 else LOOK_LATER_S)

    async def _is_loaded(self) -> bool:
        """Whether the voice route's model is in memory; a server that can't tell counts as not loaded."""
        if self._voice is None:
            return False
        try:
            async with asyncio.timeout(UNLOAD_S):
                return any(model.state == "ready" for model in await self._voice.running())
        except (BackendError, TimeoutError):
            return False
