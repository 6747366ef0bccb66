"""The seven features that stand back, in their house behind the real gate: 200 attempts each, none begins."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bus.messages import Phase
from procs.bot_main import gate as gate_module
from procs.bot_main.core.gate import FEATURES, Action
from procs.bot_main.inbox import MARK
from tests.procs.bot_main.features.full_house import RETURN_MS, living
from tests.waiting import until

pytestmark = pytest.mark.unit

ATTEMPTS = 200


@pytest.mark.parametrize("name", [row.name for row in FEATURES if row.action is not Action.QUEUED])
async def test_of_200_attempts_in_a_session_none_begins_and_one_afterwards_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(gate_module, "TICK_S", 0.005)
    async with living(tmp_path) as home:
        attempt: Callable[[], Awaitable[None]] = getattr(home, name)
        await home.sink(Phase.STARTING)
        before = home.n_begun(name)
        for number in range(ATTEMPTS):
            await attempt()
            if number == ATTEMPTS // 2:
                await home.sink(Phase.ACTIVE)
        last = await home.says("are you there?", is_addressed=True)
        await until(lambda: MARK in home.chat.reactions[last.id])
        assert home.n_begun(name) == before
        await home.sink(Phase.IDLE)
        home.node.fake_clock.advance_ms(RETURN_MS)

        async def begins() -> None:
            while home.n_begun(name) == before:
                await attempt()
                await asyncio.sleep(0.005)

        await asyncio.wait_for(begins(), 10)


async def test_explanations_that_wait_for_discord_keep_nobody_from_what_is_asked_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gate_module, "TICK_S", 0.005)
    async with living(tmp_path) as home:
        marked: list[int] = []

        async def react(channel_id: int, message_id: int, emoji: str) -> None:
            marked.append(message_id)
            await asyncio.Event().wait()

        monkeypatch.setattr(home.chat, "react", react)
        await home.sink(Phase.ACTIVE)
        wishes = [await home.says("draw a cat", is_addressed=True) for _ in range(20)]
        await until(lambda: set(marked) == {wish.id for wish in wishes})
        await home.sink(Phase.IDLE)
        await home.says("draw a dog", is_addressed=True)
        await until(lambda: home.painter.n)
        assert home.painter.n == 1, "the dog, and none of the cats"
