"""Which items are news, and to whom they must still be told. Pure.

    book, = Book.of(document)
    book = after_poll(book, poll)          # news becomes a batch with everybody who subscribes
    book = told(book, user_id)             # one person less to tell

All of it is one document, written whole: a crash finds it before or after a step, never in between.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from procs.bot_main.core.feed import LIMIT_ITEMS, Item

SEEN_LIMIT = 5 * LIMIT_ITEMS
"""Keys remembered; the oldest go. Several times a feed's length, or an item would be news twice."""
LINES = 12
"""Items of one message that are named; the rest is counted."""
MESSAGE_CHARS = 1_900
BATCH_LIMIT = 50
"""Items kept of a batch."""


@dataclass(frozen=True)
class Poll:
    """What a look at the feed brought."""

    url: str
    items: tuple[Item, ...]
    etag: str = ""
    modified: str = ""
    """Validators to be sent with the next request (RFC 9110, 13.1)."""


@dataclass(frozen=True)
class Book:
    """What is known of the shop, and what is still to be told."""

    url: str = ""
    """Of the feed; another one starts anew."""
    etag: str = ""
    modified: str = ""
    seen: tuple[str, ...] = ()
    """Keys of items, oldest first."""
    n_batches: int = 0
    batch: tuple[Item, ...] = ()
    """News that is being told."""
    n_news: int = 0
    """Items of the batch, those that were not kept included."""
    left: tuple[int, ...] = ()
    """User ids that have not been told yet."""

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        batch = [[item.key, item.title, item.link] for item in self.batch]
        lists = {"seen": list(self.seen), "batch": batch, "left": list(self.left)}
        return {**self.__dict__, **lists}

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> "Book":
        """From `document()`; one of another shape counts as none."""
        try:
            found = dict(document or {})
            batch = tuple(Item(str(k), str(t), str(u)) for k, t, u in found.pop("batch", ()))
            seen, left = tuple(map(str, found.pop("seen", ()))), tuple(map(int, found.pop("left", ())))
            return cls(seen=seen, batch=batch, left=left, **found)
        except (TypeError, ValueError):
            return cls()


def after_poll(book: Book, poll: Poll, subscribers: Iterable[int]) -> Book:
    """The book after a look at the feed; only to be used when nothing is left to tell.

    The first look at a feed brings no news: all of it is taken as known.
    """
    assert not book.left, "the former batch comes first"
    is_first = book.url != poll.url
    known = () if is_first else book.seen
    fresh = tuple(item for item in poll.items if item.key not in set(known))
    # What the feed still lists moves to the end, so that the limit forgets only what it lists no more.
    listed = [item.key for item in poll.items]
    gone = [key for key in known if key not in set(listed)]
    seen = tuple([*gone, *listed][-SEEN_LIMIT:])
    new = replace(book, url=poll.url, etag=poll.etag, modified=poll.modified, seen=seen)
    left = tuple(sorted(subscribers))
    if is_first or not fresh or not left:
        return replace(new, batch=(), n_news=0)
    n_batches = book.n_batches + 1
    return replace(new, batch=fresh[:BATCH_LIMIT], n_news=len(fresh), left=left, n_batches=n_batches)


def told(book: Book, user_id: int) -> Book:
    """The book after one person was told, or can't be."""
    left = tuple(user for user in book.left if user != user_id)
    return replace(book, left=left) if left else replace(book, left=(), batch=(), n_news=0)


def nonce(book: Book, user_id: int) -> str:
    """The same for the same batch and person, whoever asks after a crash; 20 characters."""
    named = "\n".join([str(user_id), str(book.n_batches), *(item.key for item in book.batch)])
    return "f" + hashlib.sha256(named.encode()).hexdigest()[:19]


def message(book: Book) -> str:
    """What a subscriber reads: all news in one message, the names in a form that formats nothing."""
    head = "🛍️ New in the shop:" if book.n_news == 1 else f"🛍️ {book.n_news} new things in the shop:"
    lines, length = [head], len(head) + 40
    for item in book.batch[:LINES]:
        line = f"- {_plain(item.title)}" + (f"\n  <{item.link}>" if item.link else "")
        length += len(line) + 1
        if length > MESSAGE_CHARS:
            break
        lines.append(line)
    if hidden := book.n_news - (len(lines) - 1):
        lines.append(f"… and {hidden} more.")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Without Discord's formatting, mentions and links that hide their target."""
    return "".join(f"\\{c}" if c in r"\*_~`|>[]()#<:@" else c for c in text)
