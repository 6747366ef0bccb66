"""The GPU plan carried out: before a session the other servers unload, and what is free is read."""

import asyncio
from collections.abc import Sequence

from bus import Bus
from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.base_gpu import ModelServer, VramMeter
from procs.bot_main.core.gpu_plan import Freed, GpuReport, judge, lines, needed, voice_cards
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
        make: `amd` or `nvidia` where its card is known to be of that make, else empty.

    Raises:
        BadSettings: `gpu.needed_mib` or `gpu.voice_cards` can't be used.
    """

    def __init__(
        self,
        bus: Bus,
        settings: GpuSettings,
        servers: Sequence[ModelServer],
        meter: VramMeter,
        voice: ModelServer | None = None,
        make: str = "",
    ) -> None:
        try:
            self._needed = needed(settings.needed_mib)
        except ValueError as error:
            raise BadSettings(f"gpu.needed_mib holds {str(error)!r}: write it like amd0=9000") from None
        try:
            self._voice_cards = voice_cards(settings.voice_cards, make, self._needed)
        except ValueError as error:
            raise BadSettings(f"gpu.voice_cards holds {str(error)!r}: write it like amd0") from None
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
        self._report = GpuReport()
        freed, is_loaded = await asyncio.gather(
            asyncio.gather(*map(self._freed, self._servers)), self._is_loaded()
        )
        cards = await self._meter.read()
        self._report = judge(freed, cards, self._needed, self._refuses, is_loaded, self._voice_cards)
        tell = self._bus.log.warning if self._report.code else self._bus.log.info
        tell(
            "gpu_plan",
            code=self._report.code,
            detail=self._report.detail,
            unloaded=sum(len(one.unloaded) for one in self._report.freed),
        )
        return self._report

    def latest(self) -> GpuReport:
        """What was found before the latest session; nothing while that is being looked at."""
        return self._report

    def lines(self) -> dict[str, str]:
        """The same for `voice-status`."""
        return lines(self._report)

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
            return self._kept(server, unloaded, error.code, error.detail)
        except TimeoutError:
            return self._kept(server, unloaded, "gpu_not_freed", f"still loaded after {UNLOAD_S:g} s")
        return Freed(unloaded)

    def _kept(self, server: ModelServer, unloaded: tuple[str, ...], code: str, detail: str) -> Freed:
        self._bus.log.warning("gpu_free", server=server.address, code=code, detail=detail)
        return Freed(unloaded, code, detail)

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
