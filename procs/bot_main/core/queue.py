"""The queue of messages that wait for an answer: states, order, limits, duplicates. Pure.

A message is waiting, then it has an answer that is being posted (its pages stand in the row: the outbox),
then it is done and only its id is remembered. Every step says in `Changes` what must be on disk before
the step is seen by anybody.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.queue_rows import Changes, Dropped, Kept, Place, Row, Saved

OLD_MS = 6 * 3_600_000
"""Messages that waited longer are answered by one digest in each channel."""
KNOWN_IDS = 10_000
"""Ids of settled messages that are remembered; none comes a second time after so many others."""
CHANNELS = 1_000
"""Channels whose missed messages are fetched."""
RELEASED = 500
"""Marks that wait to be taken off; more are left where they are."""
ATTEMPTS = 3
"""Tries of an answer; then its author is told."""
PAUSES_MS = (5_000, 30_000)
"""Between them."""


class Queue:
    """All rows, in memory; small, because it is bounded.

    Args:
        limit: messages that may wait.
        limit_per_user: of one person.
    """

    def __init__(self, limit: int, limit_per_user: int, saved: Saved | None = None) -> None:
        saved = saved or Saved()
        self._limit = limit
        self._limit_per_user = limit_per_user
        self.rows = dict(sorted(saved.rows.items()))
        self.earlier = frozenset(saved.rows)
        """Rows of an earlier life: what was posted of their answers is not known for sure."""
        self.doubted = set(saved.rows)
        """Rows whose message may have been changed or deleted while nobody was there to be told."""
        self.released = dict(saved.released)
        """Messages that wait no longer, and whose marks are still to be taken off → their channels."""
        self.seen = dict(saved.seen)
        self._settled = dict.fromkeys(sorted(saved.settled))
        self._dropped = dict(saved.dropped)
        self._changes = Changes()

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        changes, self._changes = self._changes, Changes()
        return changes

    def whole(self) -> Changes:
        """All of it, for a file that may know nothing."""
        dropped: dict[Place, Dropped | None] = dict(self._dropped)
        return Changes(dict(self.rows), set(self._settled), dropped, dict(self.seen), dict(self.released))

    # --- what people do -----------------------------------------------------------------------------

    def put(self, message: Incoming, *, is_marked: bool) -> Kept:
        """A message for her. When all places are taken, the oldest that waits makes room."""
        if message.id in self.rows or message.id in self._settled:
            return Kept.KNOWN
        if sum(row.message.author.id == message.author.id for row in self._waiting()) >= self._limit_per_user:
            self._drop(message)
            return Kept.REFUSED
        while len(waiting := self._waiting()) >= self._limit:
            if waiting[0].is_marked:
                self.release(waiting[0].message)
            self._drop(waiting[0].message)
        self._keep(Row(message, is_marked))
        self.rows = dict(sorted(self.rows.items()))
        return Kept.WAITS

    def drop(self, message: Incoming) -> None:
        """A message that gets no answer of its own, only a notice that is shared."""
        if message.id not in self.rows and message.id not in self._settled:
            self._drop(message)

    def edit(self, message: Incoming) -> None:
        """New words count as long as no answer is there; tries of the old ones don't."""
        row = self.rows.get(message.id)
        if row and not row.pages and row.message.text != message.text:
            self._keep(replace(row, message=replace(row.message, text=message.text), attempts=0))

    def delete(self, ids: Iterable[int]) -> list[Row]:
        """Messages are gone: nobody is answered, unless a page of the answer is there. Returns their rows.

        A notice stays: it is for others too.
        """
        rows = [row for id_ in ids if (row := self.rows.get(id_))]
        gone = [row for row in rows if not row.n_posted and row.n_told == 1]
        for row in gone:
            self.settle(row.id)
        return gone

    def doubt(self) -> None:
        """What happens to messages was not told for a while: whoever answers one of these looks first."""
        self.doubted = set(self.rows)

    def look(self, channel_id: int, message_id: int) -> None:
        """A message was looked at: later ones of its channel are fetched after an absence."""
        if message_id > self.seen.get(channel_id, 0):
            self.seen[channel_id] = self._changes.seen[channel_id] = message_id
        while len(self.seen) > CHANNELS:
            quietest = min(self.seen, key=lambda each: self.seen[each])
            del self.seen[quietest]
            self._changes.seen[quietest] = 0

    # --- what she does ------------------------------------------------------------------------------

    def next(self, busy: Collection[int], now_ms: int, *, takes_marked: bool = True) -> Row | None:
        """The oldest row that is due, of a channel that is not `busy`; order holds in each channel."""
        passed = set(busy)
        for row in self.rows.values():
            channel_id = row.message.channel_id
            is_due = (row.pages or row.due_ms <= now_ms) and (takes_marked or not row.is_marked)
            if channel_id not in passed and is_due:
                return row
            passed.add(channel_id)
        return None

    def next_due_ms(self) -> int | None:
        """When the next one is due that is not yet; None if none is."""
        return min((row.due_ms for row in self.rows.values() if not row.pages and row.due_ms), default=None)

    def begin(self, id_: int) -> Row:
        """An answer to it is being made."""
        return self._keep(replace(self.rows[id_], attempts=self.rows[id_].attempts + 1, due_ms=0))

    def answer(self, asked: Row, pages: tuple[str, ...], pings: tuple[int, ...] = ()) -> Row | None:
        """The answer to what was asked; None if the message is gone or has other words by now."""
        row = self.rows.get(asked.id)
        if row is None or row.message != asked.message or row.pages:
            return None
        return self._keep(replace(row, pages=pages, pings=pings))

    def fail(self, asked: Row, now_ms: int) -> bool:
        """There is no answer; True = it is tried again later, False = its author is to be told."""
        row = self.rows.get(asked.id)
        if row is None:
            return True
        if not row.is_marked or row.attempts >= ATTEMPTS:
            return False
        self._keep(replace(row, due_ms=now_ms + PAUSES_MS[max(0, row.attempts - 1)]))
        return True

    def hold(self, answering: Collection[int] = ()) -> list[Row]:
        """A session runs: what waits for an answer waits for its end, but for those that are being answered.

        Returns the rows that did not wait for that before.
        """
        held = [row for row in self._waiting() if not row.is_marked and row.id not in answering]
        return [self._keep(replace(row, is_marked=True)) for row in held]

    def put_back(self, id_: int) -> bool:
        """Its answer was cut off by a session: that was no try, and it waits for the end of the session.

        True = it was not marked before.
        """
        row = self.rows.get(id_)
        if row is None:
            return False
        self._keep(replace(row, is_marked=True, attempts=max(0, row.attempts - 1)))
        return not row.is_marked

    def posted(self, id_: int, n_posted: int) -> Row | None:
        """So many pages are posted; after the last one it is settled."""
        row = self.rows.get(id_)
        if row is None:
            return None
        if n_posted >= len(row.pages):
            self.settle(id_)
            return None
        return self._keep(replace(row, n_posted=n_posted))

    def settle(self, id_: int) -> None:
        """Nothing more is to be done about a message."""
        if self.rows.pop(id_, None):
            self._changes.rows[id_] = None
        self.doubted.discard(id_)
        self._settled[id_] = None
        self._changes.settled.add(id_)
        while len(self._settled) > KNOWN_IDS:
            del self._settled[next(iter(self._settled))]

    def release(self, message: Incoming) -> None:
        """Its mark is to be taken off later."""
        self.released[message.id] = self._changes.released[message.id] = message.channel_id
        while len(self.released) > RELEASED:
            self.unmarked(next(iter(self.released)))

    def unmarked(self, id_: int) -> None:
        """Its mark is off."""
        if self.released.pop(id_, 0):
            self._changes.released[id_] = 0

    # --- messages that get no answer of their own ----------------------------------------------------

    def fold(self, now_ms: int) -> None:
        """Put one digest in the place of a channel's old messages, one notice in that of its dropped ones."""
        old = [row for row in self._waiting() if now_ms - row.message.written_ms > OLD_MS]
        for channel_id in {row.message.channel_id for row in old}:
            self._fold_old([row for row in old if row.message.channel_id == channel_id])
        for channel_id in {channel_id for channel_id, _ in self._dropped}:
            self._fold_dropped(channel_id)

    def _fold_old(self, rows: list[Row]) -> None:
        for row in rows[:-1]:
            if row.is_marked:
                self.release(row.message)
            self.settle(row.id)
        names = _listed([row.message.author.name for row in rows])
        many = f"{len(rows)} messages" if len(rows) > 1 else "a message"
        text = f"I was away for long and missed {many} of {names}. If it still matters, ask me again!"
        self._keep(replace(rows[-1], pages=(text,), pings=_pings(rows), n_told=len(rows)))

    def _fold_dropped(self, channel_id: int) -> None:
        found = {place: each for place, each in self._dropped.items() if place[0] == channel_id}
        for place in found:
            del self._dropped[place]
            self._changes.dropped[place] = None
        newest = max(found, key=lambda place: found[place].last_id)
        last = found[newest]
        n_messages = sum(each.n_messages for each in found.values())
        names = _listed([each.author_name for each in found.values()])
        many = f"{n_messages} messages" if n_messages > 1 else "one message"
        text = f"Too much came at once, and I had to let go of {many} of {names}. Please ask me again!"
        self._settled.pop(last.last_id, None)
        message = Incoming(
            last.last_id, last.guild_id, channel_id, Person(newest[1], last.author_name), "", 0
        )
        pings = tuple(author for _, author in found)[:10]
        self._keep(Row(message, True, pages=(text,), pings=pings, n_told=n_messages))
        self.rows = dict(sorted(self.rows.items()))

    def _drop(self, message: Incoming) -> None:
        self.settle(message.id)
        place = (message.channel_id, message.author.id)
        known = self._dropped.get(place)
        n_messages = known.n_messages + 1 if known else 1
        last_id = max(message.id, known.last_id if known else 0)
        dropped = Dropped(message.guild_id, message.author.name, n_messages, last_id)
        self._dropped[place] = self._changes.dropped[place] = dropped

    def _waiting(self) -> list[Row]:
        return [row for row in self.rows.values() if not row.pages]

    def _keep(self, row: Row) -> Row:
        self.rows[row.id] = self._changes.rows[row.id] = row
        return row

    # --- for people ---------------------------------------------------------------------------------

    def of_person(self, user_id: int) -> list[tuple[int, Row]]:
        """(place from 1, row) of somebody's messages that wait."""
        return [
            (place, row)
            for place, row in enumerate(self.rows.values(), 1)
            if row.message.author.id == user_id and not row.pages
        ]

    @property
    def oldest_ms(self) -> int:
        """Wall ms at which the oldest that waits was written, 0 for none."""
        return min((row.message.written_ms for row in self._waiting()), default=0)


def _pings(rows: list[Row]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(row.message.author.id for row in rows))[:10]


def _listed(names: list[str]) -> str:
    """`A, B and C`, each once, few of many."""
    each = list(dict.fromkeys(names))
    shown = each if len(each) <= 5 else [*each[:4], "others"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
