"""Written answers and a session that needs their card: it is empty once the session may begin."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bus.messages import Phase
from bus.testing import MemoryNode
from procs.bot_main import gate, outbox
from procs.bot_main.app import BotMain
from procs.bot_main.backends.completions import Completions
from procs.bot_main.backends.llama_swap import LlamaSwap
from procs.bot_main.backends.vram import Vram
from procs.bot_main.core.queue import ATTEMPTS
from procs.bot_main.feature_settings import GpuSettings
from procs.bot_main.gpu import GpuPlan
from procs.bot_main.inbox import MARK
from tests.doubles.llama_swap import LlamaSwapDouble
from tests.procs.bot_main.home import TEXT, living
from tests.waiting import until

pytestmark = pytest.mark.flow

LONG_MS = 600_000


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gate, "TICK_S", 0.005)
    monkeypatch.setattr(outbox, "PAUSE_S", 0.01)


@asynccontextmanager
async def card_of_text(tmp_path):
    """A house whose written answers come from a llama-swap that makes room for sessions."""
    async with LlamaSwapDouble() as swap:
        swap.answers = {"qwen": "La la la!"}
        server, model = LlamaSwap(swap.url), Completions(swap.url, "qwen")
        node = MemoryNode(BotMain.name, BotMain.reads)
        plan = GpuPlan(node, GpuSettings(), [server], Vram(tmp_path / "absent", str(tmp_path)))
        async with living(tmp_path, TEXT, model=model, plan=plan) as home:
            yield swap, home
        for each in (server, model):
            await each.close()


async def begin_session(home):
    await home.sink(Phase.STARTING)
    await until(lambda: home.node.applied() == {"s": 1})
    await home.sink(Phase.ACTIVE)


async def test_an_answer_that_finishes_in_time_is_given_before_the_card_is_freed(tmp_path):
    async with card_of_text(tmp_path) as (swap, home):
        swap.answer_ms = 200
        message = await home.says("hello", is_addressed=True)
        await until(lambda: len(swap.chats) == 1)
        await begin_session(home)
        assert home.answered() == [message.id]
        assert (swap.states, len(swap.chats)) == ({}, 1)


async def test_the_plan_is_told_while_a_session_holds_and_no_longer(tmp_path):
    async with card_of_text(tmp_path) as (swap, home):
        swap.states = {"qwen": "ready"}
        assert home.house.state().gpu == {}
        await begin_session(home)
        told = {"text": "only the model that speaks", "other server": "unloaded qwen"}
        assert home.house.state().gpu == told
        await home.sink(Phase.IDLE)
        await home.says("hello", is_addressed=True)
        await until(lambda: swap.states == {"qwen": "ready"})
        assert home.house.state().gpu == {}, "nothing is unloaded any more"


async def test_a_late_answer_gives_way_and_comes_once_after_the_session(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "FINISH_S", 0.05)
    async with card_of_text(tmp_path) as (swap, home):
        swap.answer_ms = LONG_MS
        message = await home.says("hello", is_addressed=True)
        await until(lambda: len(swap.chats) == 1)
        await begin_session(home)
        await until(lambda: home.chat.reactions[message.id] == [MARK])
        await asyncio.sleep(outbox.PAUSE_S)
        assert (swap.states, len(swap.chats), home.answered()) == ({}, 1, [])
        assert home.house.state().queued == 1
        swap.answer_ms = 0
        await home.sink(Phase.IDLE)
        await until(lambda: not home.inbox.queue.rows)
        assert (home.chat.texts(), home.answered()) == (["La la la!"], [message.id])
        await until(lambda: home.chat.reactions[message.id] == [])


async def test_however_many_sessions_cut_an_answer_off_it_is_not_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "FINISH_S", 0.01)
    async with card_of_text(tmp_path) as (swap, home):
        swap.answer_ms = LONG_MS
        await home.says("hello", is_addressed=True)
        for number in range(1, ATTEMPTS + 2):
            await until(lambda number=number: len(swap.chats) == number)
            await begin_session(home)
            assert swap.states == {}
            await home.sink(Phase.IDLE)
            await until(lambda: home.node.applied() == {})
        swap.answer_ms = 0
        await until(lambda: home.chat.texts() == ["La la la!"])
