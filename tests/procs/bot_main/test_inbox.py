"""The inbox over a real file: a disk in trouble while she lives, and marks that a killed process owes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.messages import NodeState
from bus.testing import FakeClock, MemoryNode
from procs.bot_main import inbox as inbox_module
from procs.bot_main import outbox as outbox_module
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.queue import OLD_MS
from procs.bot_main.core.queue_rows import Changes, Row
from procs.bot_main.health import HealthBoard
from procs.bot_main.inbox import MARK, Inbox
from procs.bot_main.outbox import Outbox
from tests.procs.bot_main.backends.disks import damage, full_disk
from tests.procs.bot_main.features.hands import HandGate
from tests.procs.bot_main.hand_chat import GENERAL, HandChat
from tests.waiting import until

pytestmark = pytest.mark.unit

ANSWER = "La la la!"


@dataclass
class Life:
    """One life of the queue."""

    inbox: Inbox
    node: MemoryNode
    gate: HandGate

    @property
    def code(self) -> str:
        return self.node.health.code


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "RETRY_S", 0.01)
    monkeypatch.setattr(inbox_module, "LONGEST_RETRY_S", 0.02)
    monkeypatch.setattr(inbox_module, "MARK_RETRY_S", 0.01)
    monkeypatch.setattr(outbox_module, "PAUSE_S", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "queue.db"


@asynccontextmanager
async def life(path: Path, chat: HandChat, *, is_open: bool = False, limit: int = 100) -> AsyncIterator[Life]:
    """A life that ends as if killed: what is not on disk by then is lost."""
    node, gate = MemoryNode("bot_main", (), FakeClock(wall_ms=1_700_000_000_000)), HandGate()
    if not is_open:
        gate.close()
    store = SqliteQueue(path)
    inbox = Inbox(node, chat, store, limit, 50, HealthBoard(node))
    await inbox.load()

    async def answer(message: Incoming) -> str:
        return ANSWER

    outbox = Outbox(node, chat, gate, inbox, "text_chat", answer)
    tasks = [asyncio.create_task(each()) for each in (inbox.run, outbox.run)]
    try:
        yield Life(inbox, node, gate)
        assert not any(task.done() for task in tasks)
        store.write = refuse  # type: ignore[method-assign]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def refuse(changes: Changes) -> None:
    raise AssertionError("the dead write nothing")


def asks(chat: HandChat, n: int) -> list[Incoming]:
    return [chat.says(f"hello {number}", is_addressed=True) for number in range(n)]


def left(path: Path, rows: list[Row]) -> None:
    """What a killed process has left."""
    with closing(SqliteQueue(path)) as store:
        store.write(Changes({row.id: row for row in rows}))


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database")


def marks(chat: HandChat, messages: list[Incoming]) -> list[bool]:
    return [chat.reactions[message.id] == [MARK] for message in messages]


# --- marks ------------------------------------------------------------------------------------------


async def test_a_mark_that_a_killed_process_owes_is_put_on_and_taken_off_with_the_answer(path: Path):
    chat = HandChat()
    waits, marked, answered = messages = asks(chat, 3)
    chat.reactions[marked.id].append(MARK)
    rows = [Row(waits, True), Row(marked, True), Row(answered, True, pages=(ANSWER,))]
    left(path, rows)
    chat.fails("react", times=3)
    async with life(path, chat) as now:
        await until(lambda: marks(chat, messages) == [True, True, False])
        now.gate.open()
        await until(lambda: not now.inbox.queue.rows)
    assert [posted.post.reply_to for posted in chat.posted] == [message.id for message in messages]
    assert marks(chat, messages) == [False] * 3


async def test_a_mark_that_takes_long_never_comes_after_the_answer(path: Path):
    chat, is_slow, go = HandChat(), asyncio.Event(), asyncio.Event()
    react = chat.react

    async def slow_react(channel_id: int, message_id: int, emoji: str) -> None:
        is_slow.set()
        await go.wait()
        await react(channel_id, message_id, emoji)

    chat.react = slow_react  # type: ignore[method-assign]
    (message,) = asks(chat, 1)
    left(path, [Row(message, True)])
    async with life(path, chat) as now:
        await is_slow.wait()
        now.gate.open()
        await until(lambda: chat.texts() == [ANSWER])
        go.set()
        await until(lambda: not now.inbox.queue.rows)
        assert marks(chat, [message]) == [False]


async def test_messages_that_share_a_notice_keep_no_mark(path: Path):
    chat = HandChat()
    async with life(path, chat, limit=2) as now:
        messages = asks(chat, 5)
        for message in messages:
            await now.inbox.put(message, is_marked=True)
        await until(lambda: marks(chat, messages) == [False] * 3 + [True] * 2)
        now.node.fake_clock.advance_ms(OLD_MS + 10_000)
        chat.fails("unreact", times=4)
        now.gate.open()
        await until(lambda: not now.inbox.queue.rows)
        await until(lambda: not any(marks(chat, messages)))
    assert len(chat.posted) == 2, "one notice of those that found no room, one digest of those that are old"


async def test_marks_that_could_not_be_taken_off_come_off_in_the_next_life(path: Path):
    chat = HandChat()
    messages = asks(chat, 3)
    left(path, [Row(message, True) for message in messages])
    async with life(path, chat) as now:
        await until(lambda: all(marks(chat, messages)))
        now.node.fake_clock.advance_ms(OLD_MS + 10_000)
        chat.fails("unreact", times=None)
        now.gate.open()
        await until(lambda: not SqliteQueue(path).load().rows)
    assert all(marks(chat, messages)), "Discord took none of them off"
    chat.mend("unreact")
    async with life(path, chat) as now:
        await until(lambda: not any(marks(chat, messages)))
        await until(lambda: not SqliteQueue(path).load().released)
    assert len(chat.posted) == 1, "one digest"


async def test_a_mark_is_taken_off_where_no_answer_may_be_posted(path: Path):
    chat = HandChat()
    (message,) = asks(chat, 1)
    left(path, [Row(message, True)])
    chat.fails("send", "discord_forbidden")
    async with life(path, chat) as now:
        await until(lambda: marks(chat, [message]) == [True])
        now.gate.open()
        await until(lambda: not now.inbox.queue.rows)
        assert marks(chat, [message]) == [False]


# --- the disk ---------------------------------------------------------------------------------------


async def test_a_full_disk_is_shown_and_once_there_is_room_all_is_written_and_marked(path: Path):
    chat = HandChat()
    async with life(path, chat) as now:
        before, during = asks(chat, 2)
        await now.inbox.put(before, is_marked=True)
        with full_disk():
            await now.inbox.put(during, is_marked=True)
            assert (now.node.health.state, now.code) == (NodeState.READY, "store_failed")
            assert marks(chat, [before, during]) == [True, False], "nothing is promised that may be lost"
        await until(lambda: now.code == "")
        await until(lambda: all(marks(chat, [before, during])))
    async with life(path, chat, is_open=True) as then:
        await until(lambda: not then.inbox.queue.rows)
    assert [posted.post.reply_to for posted in chat.posted] == [before.id, during.id]


async def test_what_waits_when_a_session_begins_is_marked_once_that_is_on_disk(path: Path):
    chat = HandChat()
    (message,) = asks(chat, 1)
    left(path, [Row(message, False)])
    with full_disk():
        async with life(path, chat) as now:
            await until(lambda: now.inbox.queue.rows[message.id].is_marked)
            assert marks(chat, [message]) == [False]
    async with life(path, chat) as then:
        await until(lambda: marks(chat, [message]) == [True])
        await until(lambda: SqliteQueue(path).load().rows[message.id].is_marked)
        then.gate.open()
        await until(lambda: not then.inbox.queue.rows)
    assert marks(chat, [message]) == [False]


async def test_on_a_full_disk_she_lives_again_with_all_that_is_on_it_and_says_so(path: Path):
    chat = HandChat()
    (message,) = asks(chat, 1)
    store = SqliteQueue(path)
    store.write(Changes({message.id: Row(message, True)}))  # not closed, as when killed
    with full_disk():
        async with life(path, chat, is_open=True) as now:
            await until(lambda: not now.inbox.queue.rows)
            assert (now.node.health.state, now.code) == (NodeState.READY, "store_failed")
            assert [posted.post.reply_to for posted in chat.posted] == [message.id]
    async with life(path, chat, is_open=True) as then:
        assert then.code == ""
        await until(lambda: not then.inbox.queue.rows)
    assert [posted.post.reply_to for posted in chat.posted] == [message.id], "and not again"
    store.close()


async def test_a_disk_that_is_full_at_the_start_is_green_again_by_itself(path: Path):
    left(path, [])
    with full_disk():
        living = life(path, HandChat())
        now = await living.__aenter__()
        assert now.code == "store_failed"
    await until(lambda: now.code == "")
    await living.__aexit__(None, None, None)


@pytest.mark.parametrize("spoil", [damage, Path.unlink], ids=["damaged", "deleted"])
async def test_a_file_that_is_lost_while_she_lives_is_begun_anew_with_all_she_knows(
    path: Path, spoil: Callable[[Path], None]
):
    chat = HandChat()
    async with life(path, chat) as now:
        settled, before, after = asks(chat, 3)
        for message in (settled, before):
            await now.inbox.put(message, is_marked=True)
        await now.inbox.delete((settled.id,))
        spoil(path)
        await now.inbox.put(after, is_marked=True)
        await until(lambda: all(marks(chat, [before, after])))  # it is on disk again
        assert now.code == ""
        is_damaged = spoil is damage
        assert ("set aside as queue.db.damaged-1" in now.node.health.detail) == is_damaged
        assert ("warning", "store_failed") in [(level, of.get("code")) for level, _, of in now.node.log.lines]
    assert path.with_name("queue.db.damaged-1").exists() == is_damaged
    saved = SqliteQueue(path).load()
    assert list(saved.rows) == [before.id, after.id]
    assert saved.settled == {settled.id}
    assert saved.seen == {GENERAL: after.id}


async def test_a_disk_that_spoils_every_file_is_shown_and_not_filled_with_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    def spoiled(db: sqlite3.Connection, changes: Changes) -> None:
        damaged = sqlite3.DatabaseError("database disk image is malformed")
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged

    chat = HandChat()
    async with life(path, chat) as now:
        with monkeypatch.context() as patch:
            patch.setattr("procs.bot_main.backends.queue_sqlite._write", spoiled)
            (message,) = asks(chat, 1)
            await now.inbox.put(message, is_marked=True)
            for _ in range(20):
                assert not await now.inbox.commit()
            assert now.code == "store_failed"
            assert len(list(path.parent.glob("*.damaged-?"))) <= 5
        await until(lambda: now.code == "")
    assert list(SqliteQueue(path).load().rows) == [message.id]


async def test_damage_that_a_start_finds_is_told(path: Path):
    left(path, [Row(asks(HandChat(), 1)[0], True)])
    overwrite(path)
    async with life(path, HandChat()) as now:
        told = "queue was damaged: set aside as queue.db.damaged-1, begun anew"
        assert (now.code, now.node.health.detail) == ("", told)


class SlowlyMarking(HandChat):
    """Discord takes no reaction before it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = asyncio.Event()

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        await self.takes.wait()
        await super().react(channel_id, message_id, emoji)


async def test_a_burst_is_on_disk_before_discord_takes_its_marks(path: Path):
    chat = SlowlyMarking()
    messages = asks(chat, 20)
    async with life(path, chat) as now:
        for message in messages:
            await now.inbox.put(message, is_marked=True)
    assert not any(marks(chat, messages)), "killed before"
    async with life(path, chat) as then:
        assert len(then.inbox.queue.rows) == 20
        chat.takes.set()
        await until(lambda: all(marks(chat, messages)))
