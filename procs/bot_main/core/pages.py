"""Long text in the pages of a chat: each fits in a message, code fences are closed and opened again. Pure.

Lengths are counted in UTF-16 units, the strictest way a client may count Discord's 2,000 characters.
"""

import re
from dataclasses import dataclass

PAGE_UNITS = 2_000
"""Discord's limit of a message's content."""
SHORTEST = 200
"""Least limit that leaves room for a fence and a token that must stay whole."""
_FENCE = "```"
_CLOSING = "\n```"
_OPENING = re.compile(r"```([\w+#.-]{0,20}\n)?")
_WHOLE = re.compile(
    r"```[\w+#.-]{0,20}\n?"
    r"|<a?:\w{1,32}:\d{1,20}>"
    r"|<[@#][!&]?\d{1,20}>"
    r"|<t:-?\d{1,14}(?::\w)?>"
    r"|[\ud800-\udbff][\udc00-\udfff]"
)
"""What is never cut: fences with their language, custom emoji, mentions, times, halves of a character."""
_BORDERS = (re.compile(r"\n"), re.compile(r"[.!?…]+[\"')\]]*\s+|[。！？]+"), re.compile(r"\s+"))
"""Where to cut, best first: behind a line, a sentence, a word."""


@dataclass(frozen=True)
class Page:
    """A part of the text with the fences that keep its code code."""

    body: str
    """Exactly what stood in the text; all bodies in a row are the text."""
    opened: str = ""
    """Fence put before it."""
    closed: str = ""
    """Fence put behind it."""

    @property
    def text(self) -> str:
        """What is posted."""
        return f"{self.opened}{self.body}{self.closed}"


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(char > "\uffff" for char in text)


def sound(text: str) -> str:
    """Halves of characters joined where they belong together, else replaced: UTF-8 can't carry them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def split(text: str, limit: int = PAGE_UNITS) -> list[str]:
    """The messages a text becomes; those that would show nothing are left out."""
    return [page.text for page in cut(text, limit) if page.body.strip()]


def cut(text: str, limit: int = PAGE_UNITS) -> list[Page]:
    """The text in pages of at most `limit` UTF-16 units (200 or more)."""
    assert limit >= SHORTEST, limit
    pages: list[Page] = []
    at, fence = 0, ""
    while at < len(text):
        room = limit - units(fence) - len(_CLOSING)
        end = _end(text, at, room)
        body = text[at:end]
        left_open = _fence_after(body, fence)
        closed = _CLOSING.lstrip("\n") if body.endswith("\n") else _CLOSING
        pages.append(Page(body, fence, closed if left_open else ""))
        at, fence = end, left_open
    return pages


def _fence_after(body: str, fence: str) -> str:
    """The fence that is open behind the body, as it has to be opened again; empty = none."""
    for found in _OPENING.finditer(body):
        fence = "" if fence else f"{_FENCE}{found[1] or chr(10)}"
    return fence


def _end(text: str, start: int, room: int) -> int:
    """Where the page that starts there ends."""
    hard = _furthest(text, start, room)
    if hard == len(text):
        return hard
    for border in _BORDERS:
        # The better half of the page: a border far in front would waste most of it.
        ends = [found.end() for found in border.finditer(text, start + (hard - start) // 2, hard)]
        for end in reversed(ends):
            if not _inside(text, start, end):
                return end
    return _inside(text, start, hard) or hard


def _furthest(text: str, start: int, room: int) -> int:
    """The last place to which `room` units reach."""
    end = min(len(text), start + room)
    while units(text[start:end]) > room:
        end -= (units(text[start:end]) - room + 1) // 2
    return end


def _inside(text: str, start: int, end: int) -> int:
    """Where something begins that a cut at `end` would break; 0 = nothing is broken."""
    for found in _WHOLE.finditer(text, max(start, end - 64)):
        if found.start() >= end:
            return 0
        if found.end() > end and found.start() > start:
            return found.start()
    return 0
