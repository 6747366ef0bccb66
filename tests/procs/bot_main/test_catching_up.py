"""Catching up beside what `test_house.py` shows of it."""

import asyncio
from pathlib import Path

import pytest

from bus.testing import MemoryNode
from procs.bot_main import catching_up
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.catching_up import CatchingUp
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.gate import Row, row
from procs.bot_main.inbox import Inbox
from tests.procs.bot_main.hand_chat import GENERAL, HandChat
from tests.waiting import until

pytestmark = pytest.mark.unit


async def test_what_is_written_after_a_fetch_and_before_the_next_session_is_fetched_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "RETRY_S", 0.01)
    node, chat, routed = MemoryNode("bot_main", ()), HandChat(), list[str]()
    inbox = Inbox(node, chat, SqliteQueue(tmp_path / "queue.db"), 100, 50)
    await inbox.load()
    inbox.queue.look(GENERAL, 1)

    async def route(_: Row, message: Incoming, *, looks: bool) -> None:
        routed.append(message.text)
        if message.text == "first":  # the gateway is lost and found while this one is worked on
            chat.says("second", is_addressed=True)
            missed.begin()

    missed = CatchingUp(node, chat, inbox, lambda _: False, lambda _: row("text_chat"), route)
    chat.says("first", is_addressed=True)
    missed.begin()
    running = asyncio.create_task(missed.run())
    await until(lambda: routed[-1:] == ["second"])
    running.cancel()
    assert routed == ["first", "second"], "each once"
