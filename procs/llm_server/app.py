"""`llm_server`: keeps one model server running and says in its health how it is.

Knows nothing of prompts: those go to the server directly. A missing or broken model is no reason to end;
it is said, and the file is looked at until it can be loaded.
"""

import asyncio

from bus.errors import BackendError
from bus.interface import Bus
from bus.messages import NodeState
from procs.llm_server.backends.base import Model, ModelServer, ModelSource

PATIENCE_S = (0.5, 2.0, 5.0, 15.0, 60.0)
"""Pauses between attempts with an unchanged file; the last one repeats: loading costs memory and time."""

DEMO_DETAIL = "demo brain: it recites a few lines; set llm_server.gguf or llm.base_url for a real model"


class LlmServer:
    """The app.

    Args:
        models: None = no server is wanted.
    """

    name = "llm_server"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def __init__(self, bus: Bus, models: ModelSource | None, server: ModelServer) -> None:
        self._bus = bus
        self._models = models
        self._server = server
        self._n_failures = 0

    async def run(self) -> None:
        if self._models is None:
            self._bus.report(NodeState.READY, detail="not used", brain="none")
            await asyncio.Event().wait()
            return
        try:
            while True:
                await self._serve(self._models)
        finally:
            await self._server.stop()

    async def stop(self) -> None:
        """Nothing to finish: replies in flight belong to whoever asked for them."""

    async def _serve(self, models: ModelSource) -> None:
        """One life of the server, and the pause after it."""
        try:
            model = await models.find()
            brain = "demo" if model.is_demo else "own"
            self._bus.report(
                NodeState.LOADING, "llm_loading", f"loading {model.name}", brain=brain, model=model.name
            )
            await self._server.start(model)
            self._n_failures = 0
            self._say_ready(model)
            raise BackendError("llm_failed", await self._server.ended())
        except BackendError as error:
            self._bus.report(NodeState.DEGRADED, error.code, error.detail)
            self._bus.log.warning("no model", code=error.code, detail=error.detail)
        patience_s = PATIENCE_S[min(self._n_failures, len(PATIENCE_S) - 1)]
        self._n_failures += 1
        await models.changed(patience_s)

    def _say_ready(self, model: Model) -> None:
        detail = DEMO_DETAIL if model.is_demo else f"{model.name} at {self._server.address}"
        self._bus.report(NodeState.READY, detail=detail, address=self._server.address)
        self._bus.log.info("serving", model=model.name, address=self._server.address)
