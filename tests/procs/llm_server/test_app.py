import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bus.errors import BackendError
from bus.messages import NodeState
from bus.testing import MemoryNode
from procs.llm_server.app import LlmServer
from procs.llm_server.backends.base import Model
from tests.waiting import until

pytestmark = pytest.mark.unit

DEMO = Model(Path("demo.gguf"), "demo", is_demo=True)
OWN = Model(Path("miku-7b.gguf"), "miku-7b", is_demo=False)


class StubModels:
    """Finds what the test puts there."""

    def __init__(self, found: Model | BackendError) -> None:
        self.found = found
        self.patience_s: list[float] = []
        self.change = asyncio.Event()

    async def find(self) -> Model:
        if isinstance(self.found, BackendError):
            raise self.found
        return self.found

    async def changed(self, patience_s: float) -> None:
        self.patience_s.append(patience_s)
        await self.change.wait()
        self.change.clear()


class StubServer:
    """Loads when the test lets it, ends when the test says so."""

    address = "http://stub"

    def __init__(self) -> None:
        self.may_load = asyncio.Event()
        self.failure: BackendError | None = None
        self.end = asyncio.Event()
        self.models: list[Model] = []
        self.is_stopped = False

    async def start(self, model: Model) -> None:
        self.models.append(model)
        await self.may_load.wait()
        if self.failure:
            raise self.failure

    async def ended(self) -> str:
        await self.end.wait()
        self.end.clear()
        return "it ended"

    async def stop(self) -> None:
        self.is_stopped = True


@asynccontextmanager
async def running(models: StubModels | None, server: StubServer) -> AsyncIterator[MemoryNode]:
    node = MemoryNode("llm_server", LlmServer.reads)
    task = asyncio.create_task(LlmServer(node, models, server).run())
    try:
        yield node
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_demo_brain_says_what_it_is():
    server = StubServer()
    async with running(StubModels(DEMO), server) as node:
        await until(lambda: node.health.state is NodeState.LOADING)
        assert node.health.code == "llm_loading"
        server.may_load.set()
        await until(lambda: node.health.state is NodeState.READY)
        assert node.health.facts["brain"] == "demo"
        assert "demo brain" in node.health.detail
        assert "llm_server.gguf" in node.health.detail
    assert server.is_stopped


async def test_a_model_of_the_operators_is_named():
    server = StubServer()
    server.may_load.set()
    async with running(StubModels(OWN), server) as node:
        await until(lambda: node.health.state is NodeState.READY)
        assert (node.health.facts["brain"], node.health.facts["model"]) == ("own", "miku-7b")
        assert node.health.code == ""


async def test_a_missing_file_is_said_and_picked_up_when_it_appears():
    server, models = StubServer(), StubModels(BackendError("model_unusable", "there is no such file"))
    server.may_load.set()
    async with running(models, server) as node:
        await until(lambda: node.health.state is NodeState.DEGRADED)
        assert node.health.detail == "there is no such file"
        models.found = OWN
        models.change.set()
        await until(lambda: node.health.state is NodeState.READY)


async def test_a_broken_file_is_tried_less_and_less_often():
    server, models = StubServer(), StubModels(OWN)
    server.may_load.set()
    server.failure = BackendError("model_unusable", "it is corrupted")
    async with running(models, server) as node:
        for n_attempts in range(1, 5):
            await until(lambda n=n_attempts: len(models.patience_s) == n)
            assert (node.health.state, node.health.detail) == (NodeState.DEGRADED, "it is corrupted")
            models.change.set()
        await until(lambda: len(models.patience_s) == 5)
    assert models.patience_s == sorted(models.patience_s)
    assert models.patience_s[-1] >= 60


async def test_a_server_that_ends_is_started_again():
    server, models = StubServer(), StubModels(DEMO)
    server.may_load.set()
    async with running(models, server) as node:
        await until(lambda: node.health.state is NodeState.READY)
        server.end.set()
        await until(lambda: node.health.state is NodeState.DEGRADED)
        assert node.health.detail == "it ended"
        models.change.set()
        await until(lambda: node.health.state is NodeState.READY)
    assert server.models == [DEMO, DEMO]


async def test_where_no_server_is_wanted_none_is_started():
    server = StubServer()
    async with running(None, server) as node:
        await until(lambda: node.health.state is NodeState.READY)
        assert node.health.detail == "not used"
    assert server.models == []
