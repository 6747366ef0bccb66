"""What bot_main asks of model servers and graphics cards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from procs.bot_main.core.gpu_plan import Card


@dataclass(frozen=True)
class LoadedModel:
    """A model that a server holds in memory."""

    name: str
    state: str
    """`starting`, `ready`, `stopping` or `shutdown`."""


class ModelServer(Protocol):
    """A server that loads and unloads models."""

    address: str
    """Where it is, for people."""

    async def running(self) -> list[LoadedModel]:
        """Models that occupy memory now.

        Raises:
            BackendError: `gpu_unreachable` = nobody listens; `gpu_not_freed` = it answers something else.
        """
        ...

    async def unload(self, model: str = "") -> None:
        """Begin to unload a model, or all of them; one it does not have is no error.

        Raises:
            BackendError: as `running`.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


class VramMeter(Protocol):
    """Reads the graphics memory of this machine."""

    async def read(self) -> Sequence[Card]:
        """Every card whose figures can be read; what can't be read is absent. Never raises."""
        ...
