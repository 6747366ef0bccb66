"""The courier: posts outlive moments in which Discord is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bus.testing import MemoryNode
from procs.bot_main import courier as courier_module
from procs.bot_main.core.chat import Post
from procs.bot_main.courier import Courier
from tests.procs.bot_main.hand_chat import GENERAL, HandChat
from tests.waiting import until

pytestmark = pytest.mark.unit


@pytest.fixture
def chat() -> HandChat:
    return HandChat()


@pytest.fixture
async def courier(chat: HandChat, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Courier]:
    monkeypatch.setattr(courier_module, "POST_AGAIN_S", 0.001)
    made = Courier(MemoryNode("bot_main", ()), chat)
    async with asyncio.TaskGroup() as tasks:
        made.start(tasks)
        yield made


async def test_posts_arrive_in_order_once_discord_is_back(courier: Courier, chat: HandChat):
    chat.fails("send", times=5)
    for text in ("one", "two"):
        courier.post(GENERAL, Post(text))
    await until(lambda: chat.texts() == ["one", "two"])
    assert chat.n_calls["send"] == 5 + 2


async def test_a_post_whose_answer_was_lost_is_there_once(courier: Courier, chat: HandChat):
    send, n_lost = chat.send, 2

    async def losing(channel_id: int, post: Post) -> list[int]:
        nonlocal n_lost
        ids = await send(channel_id, post)
        if n_lost:
            n_lost -= 1
            chat.fails("send")
            await send(channel_id, post)
        return ids

    chat.send = losing  # type: ignore[method-assign]
    courier.post(GENERAL, Post("one"))
    courier.post(GENERAL, Post("one"))
    await until(lambda: n_lost == 0 and chat.texts() == ["one", "one"])
    assert len({posted.post.nonce for posted in chat.posted}) == 2


async def test_a_reaction_is_taken_back_once_discord_is_back(courier: Courier, chat: HandChat):
    message = chat.says("hello")
    chat.fails("unreact", times=5)
    courier.react(GENERAL, message.id, "🎤")
    courier.unreact(GENERAL, message.id, "🎤")
    courier.react(GENERAL, message.id, "🤫")
    await until(lambda: chat.reactions[message.id] == ["🤫"])
    assert chat.n_calls["unreact"] == 5 + 1


async def test_what_is_forbidden_or_late_is_given_up(
    courier: Courier, chat: HandChat, monkeypatch: pytest.MonkeyPatch
):
    chat.fails("send", "discord_forbidden")
    courier.post(GENERAL, Post("one"))
    courier.post(GENERAL, Post("two"))
    await until(lambda: chat.texts() == ["two"])
    monkeypatch.setattr(courier_module, "LATE_S", 0)
    chat.fails("send")
    courier.post(GENERAL, Post("three"))
    courier.post(GENERAL, Post("four"))
    await until(lambda: chat.texts() == ["two", "four"])
    assert chat.n_calls["send"] == 4, "neither is tried again"
