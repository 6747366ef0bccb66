"""The outbox: answers what waits, oldest first, one channel at a time, each exactly once.

An answer, a digest or a notice is on disk before its first page is posted, each page has a nonce made from
the message's id, and it is a reply to the message: who comes back to life looks for replies that are there
before it posts more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus import Bus
from bus.errors import BackendError, sentence
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import Incoming, Post
from procs.bot_main.core.pages import split
from procs.bot_main.core.queue import ATTEMPTS
from procs.bot_main.core.queue_rows import Row
from procs.bot_main.features.base import Gate
from procs.bot_main.inbox import Inbox
from procs.bot_main.writing import seen_writing

WORKERS = 4
"""Channels answered at the same time while nothing has piled up."""
PAUSE_S = 1.5
"""Between two answers to messages that had to wait: below Discord's limits, and easy to read."""
HOLD_S = 0.25
"""How late messages wait for the end of a session that has begun."""
POST_RETRY_S = 5.0
"""Between two tries of a post while Discord is away."""

Answerer = Callable[[Incoming], Awaitable[str]]
"""Makes the answer to a message; raises `BackendError`."""


class Outbox:
    """Works the inbox off.

    Args:
        feature: whose gate counts.
        answer: makes an answer's text.
    """

    def __init__(
        self, bus: Bus, chat: ChatBackend, gate: Gate, inbox: Inbox, feature: str, answer: Answerer
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._gate = gate
        self._inbox = inbox
        self._feature = feature
        self._answer = answer
        self._busy: set[int] = set()
        self._answering: set[int] = set()
        """Rows that are being answered."""
        self._is_gentle = False
        """Whether a message that had to wait is being answered: never two of them at a time."""
        self._checked: set[int] = set()
        """Rows of an earlier life whose replies were looked for."""

    async def run(self) -> None:
        """Answer until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(self._work())
            tasks.create_task(self._hold())

    async def _hold(self) -> None:
        """Whenever a session runs, what waits by then waits for its end."""
        while True:
            if not self._gate.is_open(self._feature):
                await self._inbox.hold(self._answering)
            await asyncio.sleep(HOLD_S)

    async def _work(self) -> None:
        while True:
            await self._gate.opened(self._feature)
            self._inbox.queue.fold(self._wall_ms())
            row = self._inbox.queue.next(self._busy, self._wall_ms(), takes_marked=not self._is_gentle)
            if row is None:
                await self._wait()
                continue
            self._busy.add(row.message.channel_id)
            try:
                await self._settle(row)
            finally:
                self._busy.discard(row.message.channel_id)
                self._inbox.changed.set()

    async def _wait(self) -> None:
        """Until something comes, or something that failed is due again."""
        self._inbox.changed.clear()
        due_ms = self._inbox.queue.next_due_ms()
        patience_s = None if due_ms is None else max(0.05, (due_ms - self._wall_ms()) / 1000)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._inbox.changed.wait()

    async def _settle(self, row: Row) -> None:
        """One message: gently if it had to wait."""
        if not row.is_marked:
            await self._within_gate(row)
            return
        self._is_gentle = True
        try:
            await self._within_gate(row)
            await asyncio.sleep(PAUSE_S)
        finally:
            self._is_gentle = False

    async def _within_gate(self, row: Row) -> None:
        pause_s = 0.0
        async with self._gate.work(self._feature) as allowed:
            current = self._inbox.queue.rows.get(row.id)
            if not allowed or current is None:
                return
            self._answering.add(row.id)
            try:
                await self._one(current)
            except BackendError as error:
                pause_s = await self._give_way(current, error)
            finally:
                self._answering.discard(row.id)
        await asyncio.sleep(pause_s)

    async def _one(self, row: Row) -> None:
        if row.id in self._inbox.queue.earlier and row.id not in self._checked:
            found = await self._look_for_replies(row)
            if found is None:
                return
            row = found
        if row.id in self._inbox.queue.doubted and not row.n_posted:
            current = await self._look_for_message(row)
            if current is None:
                return
            row = current
        if not row.pages:
            answered = await self._make(row)
            if answered is None:
                return
            row = answered
        await self._post(row)

    async def _look_for_replies(self, row: Row) -> Row | None:
        """An earlier life may have posted more than it wrote down; None if the row is settled."""
        try:
            n_there = len(await self._chat.replies(row.message.channel_id, row.id))
        except BackendError as error:
            if error.code != "discord_forbidden":
                raise
            n_there = 0  # she may write there but not read; the nonce still holds for minutes
        self._checked.add(row.id)
        if n_there <= row.n_posted:
            return row
        await self._advance(row, n_there)
        return self._inbox.queue.rows.get(row.id)

    async def _look_for_message(self, row: Row) -> Row | None:
        """Nobody was told of what became of the message meanwhile; None if it is gone.

        Where that can't be learned, it is answered as it was, and looked for again before the next try.
        """
        if row.n_told > 1:
            return row
        try:
            found = await self._chat.message(row.message.channel_id, row.id)
        except BackendError as error:
            self._bus.log.info("message not looked at", code=error.code)
            return row
        if found is None:
            self._bus.log.info("message gone")
            await self._inbox.delete((row.id,))
            return None
        self._inbox.queue.doubted.discard(row.id)
        is_as_asked = self._inbox.queue.rows.get(row.id) == row  # an edit that was told meanwhile is newer
        if found.text and is_as_asked:  # what Discord hides is not new
            await self._inbox.edit(found)
        return self._inbox.queue.rows.get(row.id)

    async def _make(self, row: Row) -> Row | None:
        """The row with its answer, on disk; None if there is none (yet)."""
        if row.attempts >= ATTEMPTS:
            # Begun that often and never failed: each time the process died over it.
            return await self._keep_answer(row, sentence("peer_lost"))
        row = self._inbox.queue.begin(row.id)
        await self._inbox.commit()
        try:
            text = await self._text(row)
        except BackendError as error:
            if self._inbox.queue.fail(row, self._wall_ms()):
                self._bus.log.info("answer later", code=error.code, attempts=row.attempts)
                await self._inbox.commit()
                return None
            self._bus.log.warning("no answer", code=error.code, detail=error.detail)
            text = sentence(error.code)
        if text is None:
            await self._inbox.put_back(row)
            return None
        return await self._keep_answer(row, text)

    async def _text(self, row: Row) -> str | None:
        """The answer's text; None if a session has cut it off.

        What comes later is never cut off: a post that is broken off may have been taken all the same.
        """
        async with (
            seen_writing(self._chat, self._bus.log, row.message.channel_id),
            self._gate.work(self._feature, comes_again=True) as allowed,
        ):
            if allowed:
                return await self._answer(row.message)
        return None

    async def _keep_answer(self, row: Row, text: str) -> Row | None:
        answered = self._inbox.queue.answer(row, tuple(split(text) or ["…"]))
        await self._inbox.commit()
        return answered and self._inbox.queue.rows.get(row.id)  # it may have been deleted meanwhile

    async def _post(self, row: Row) -> None:
        """Post the pages that are missing."""
        await self._inbox.commit()  # what was folded into a digest or a notice is on disk first
        for number in range(row.n_posted, len(row.pages)):
            pings = row.pings if number == 0 else ()
            post = Post(row.pages[number], reply_to=row.id, pings=pings, nonce=row.nonce(number))
            await self._chat.send(row.message.channel_id, post)
            await self._advance(row, number + 1)

    async def _advance(self, row: Row, n_posted: int) -> None:
        if row.is_marked and n_posted >= len(row.pages):
            await self._inbox.unmark(row.message)  # before it is settled: a later life forgets no mark
        self._inbox.queue.posted(row.id, n_posted)
        await self._inbox.commit()

    async def _give_way(self, row: Row, error: BackendError) -> float:
        """Discord did not take the answer: never if it is forbidden, else later; seconds until then."""
        self._bus.log.warning("answer not posted", code=error.code, detail=error.detail)
        if error.code != "discord_forbidden":
            return POST_RETRY_S
        if row.is_marked:
            await self._inbox.unmark(row.message)
        self._inbox.queue.settle(row.id)
        await self._inbox.commit()
        return 0.0

    def _wall_ms(self) -> int:
        return self._bus.clock.wall_ns() // 1_000_000
