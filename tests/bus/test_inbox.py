import asyncio

import pytest

from bus.inbox import Inbox

pytestmark = pytest.mark.unit


async def test_a_flow_pauses_its_socket_when_full_and_resumes_when_half_empty():
    calls = []
    inbox: Inbox[int] = Inbox(4, lambda: calls.append("pause"), lambda: calls.append("resume"))
    for i in range(4):
        inbox.put(i)
    assert calls == ["pause"]
    assert [await inbox.get() for _ in range(4)] == [0, 1, 2, 3]
    assert calls == ["pause", "resume"]
    assert inbox.dropped == 0


async def test_an_event_inbox_drops_the_oldest_and_counts():
    inbox: Inbox[int] = Inbox(2)
    for i in range(5):
        inbox.put(i)
    assert [await inbox.get(), await inbox.get()] == [3, 4]
    assert inbox.dropped == 3


async def test_a_reader_waits_for_the_next_item():
    inbox: Inbox[int] = Inbox(2)
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not reader.done()
    inbox.put(7)
    assert await reader == 7
