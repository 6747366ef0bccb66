"""Our pipeline as the benchmarks see it: four processes, asked like the command line asks them."""

from contextlib import AsyncExitStack
from typing import Self

from bench.figures import Pace
from bench.machine import Cost, cost
from bench.nodes import Nodes
from bench.pipeline import Heard
from bench.stubs import Stubs
from bus.messages import RequestKind


class Ours:
    """See `Pipeline`.

    Args:
        n_sessions: sessions at once.
        settings: environment variables besides those of the stubs.
    """

    name = "ours"

    def __init__(self, stubs: Stubs, n_sessions: int = 1, settings: dict[str, str] | None = None) -> None:
        self._nodes = Nodes({**stubs.settings, **(settings or {})}, n_sessions)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            self._observer = await exits.enter_async_context(self._nodes.observed())
            self._exits = exits.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exits.aclose()

    async def speak(self, session: int) -> Heard:
        return await self._observer.ask(RequestKind.PROMPT, self._nodes.sessions[session], "Hello")

    async def stop(self, session: int) -> int:
        return await self._observer.request(RequestKind.STOP, self._nodes.sessions[session])

    async def pace(self) -> Pace:
        return await self._observer.pace()

    @property
    def n_after_end(self) -> int:
        """Frames of turns that were over."""
        return self._observer.n_after_end

    def cost(self) -> Cost:
        return cost(self._nodes.processes.values())
