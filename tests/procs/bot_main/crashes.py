"""Lives of the queue that end at any boundary: before or after a commit, a post, an answer of the model.

A `Fuse` counts boundaries and kills at the one it was set to; the next life opens the same file and sees the
same chat. Between two lives Discord may have forgotten its nonces.
"""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from bus.testing import FakeClock, MemoryNode
from procs.bot_main import inbox as inbox_module
from procs.bot_main import outbox as outbox_module
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import Incoming, Post
from procs.bot_main.core.queue_rows import Changes
from procs.bot_main.inbox import Inbox
from procs.bot_main.outbox import Outbox
from tests.procs.bot_main.features.hands import HandGate
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HandChat

PAGES = 3
"""Of each answer."""
ANSWER = "word " * 450 * (PAGES - 1) + "end"


class Killed(BaseException):
    """kill -9: nothing of ours may catch it."""


class Fuse:
    """Kills at the n-th boundary."""

    def __init__(self) -> None:
        self.left = 0
        self.n_passed = 0
        self.is_dead = False

    def pass_by(self) -> None:
        self.n_passed += 1
        self.left -= 1
        if self.is_dead or self.left == 0:
            self.is_dead = True
            raise Killed


class CrashingStore(SqliteQueue):
    """The real store between two boundaries."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    def write(self, changes: Changes) -> None:
        self._fuse.pass_by()
        super().write(changes)
        self._fuse.pass_by()


class CrashingChat(HandChat):
    """The hand-played chat between two boundaries; it can forget nonces, as Discord does in minutes."""

    fuse: Fuse

    async def send(self, channel_id: int, post: Post) -> list[int]:
        self.fuse.pass_by()
        ids = await super().send(channel_id, post)
        self.fuse.pass_by()
        return ids

    def forget_nonces(self) -> None:
        for posted in self.posted:
            posted.post = Post(posted.post.text, posted.post.reply_to)


class Inline(Executor):
    """Does the work where it is asked for, so that a kill lands in the task that asked."""

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Killed:
            raise
        except BaseException as error:
            done.set_exception(error)
        return done


class Crashes:
    """One run: messages come, lives end, and at last one lives on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "queue.db"
        self.chat = CrashingChat()
        self.fuse = Fuse()
        self.promised: set[int] = set()
        self.node = MemoryNode("bot_main", (), FakeClock(wall_ms=1_700_000_000_000))
        monkeypatch.setattr(inbox_module, "ThreadPoolExecutor", lambda *_, **__: Inline())
        monkeypatch.setattr(outbox_module, "PAUSE_S", 0)

    async def life(self, messages: list[Incoming], die_at: int, dropped: Sequence[Incoming] = ()) -> bool:
        """One life; True if it came to its end.

        Args:
            dropped: messages that find no room.
        """
        self.fuse = self.chat.fuse = Fuse()
        self.fuse.left = die_at
        inbox = Inbox(self.node, self.chat, CrashingStore(self.path, self.fuse), 100, 100)
        gate = HandGate()
        outbox = Outbox(self.node, self.chat, gate, inbox, "text_chat", self._answer)
        work: list[asyncio.Task[None]] = []
        try:
            await inbox.load()
            for message in messages:
                await inbox.put(message, is_marked=True)
                self.promised.add(message.id)
            for message in dropped:
                await inbox.drop([message])
                self.promised.add(message.id)
            work = [asyncio.create_task(outbox.run())]
            while inbox.queue.rows and not work[0].done():
                await asyncio.sleep(0)
            if work[0].done():
                await work[0]
        except BaseException as error:
            if not is_kill(error):
                raise
            return False
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            inbox._store.close()  # as the kernel does for a dead process
        return True

    async def _answer(self, message: Incoming) -> str:
        self.fuse.pass_by()
        await asyncio.sleep(0)
        self.fuse.pass_by()
        return f"to {message.id}: {ANSWER}"

    def check(self) -> None:
        """0 lost, 0 double, all pages in order."""
        for id_ in self.promised:
            answer = [posted.post.text for posted in self.chat.posted if posted.post.reply_to == id_]
            assert len(answer) == PAGES, (id_, len(answer))
            assert answer[0].startswith(f"to {id_}:")
            assert answer[-1].endswith("end")
            assert "".join(answer) == f"to {id_}: {ANSWER}"

    def check_told(self, messages: list[Incoming]) -> None:
        """Each author reads of each message once, in a digest or a notice."""
        texts = [posted.post.text for posted in self.chat.posted]
        for message in messages:
            about = [text for text in texts if message.author.name in text]
            assert len(about) == 1, (message.author.name, texts)


def is_kill(error: BaseException) -> bool:
    """A kill, as a task group hands it on."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_kill(each) for each in error.exceptions)
    return isinstance(error, Killed)


async def play(folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> int:
    """Three messages in two channels, some lives that end early, one that does not; number of kills."""
    chance = random.Random(seed)
    run = Crashes(folder, monkeypatch)
    places = [(ANNA, GENERAL), (BERT, GENERAL), (ANNA, GENERAL + 1)]
    messages = [run.chat.says("hello", by, channel, is_addressed=True) for by, channel in places]
    coming = list(messages)
    n_kills = 0
    for _ in range(chance.randrange(1, 5)):
        ended = await run.life(coming, chance.randrange(1, 40))
        n_kills += not ended
        coming = [each for each in messages if each.id not in run.promised]  # they are fetched again
        if chance.random() < 0.5:
            run.chat.forget_nonces()
    assert await run.life(coming, 0)
    assert run.promised == {each.id for each in messages}
    run.check()
    return n_kills
