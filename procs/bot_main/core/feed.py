"""What a shop's feed lists: RSS 2.0, RSS 1.0, Atom and JSON Feed become the same items. Pure.

A feed is foreign: its texts are cut and put on one line, links other than http and https are dropped, and
of a feed with more items than `LIMIT_ITEMS` the first ones count.
Source: RSS 2.0 specification; RFC 4287 (Atom); JSON Feed 1.1.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

LIMIT_ITEMS = 200
TITLE_CHARS = 120
LINK_CHARS = 400


@dataclass(frozen=True)
class Item:
    """One thing in the shop."""

    key: str
    """Stays the same as long as the shop says it is the same thing; 16 hexadecimal digits."""
    title: str
    link: str = ""


class NoFeed(ValueError):
    """The document is of another kind; the text says what was found."""


def from_json(document: Any) -> tuple[Item, ...]:
    """Items of a JSON Feed.

    Raises:
        NoFeed: it is none.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("items"), list):
        raise NoFeed("JSON without a list of items")
    found = [entry for entry in document["items"] if isinstance(entry, Mapping)]
    return _items((_text(e, "id"), _text(e, "title"), _text(e, "url")) for e in found)


def from_xml(root: Element) -> tuple[Item, ...]:
    """Items of an RSS or Atom document, given by its root.

    Raises:
        NoFeed: it is neither.
    """
    kind = _local(root)
    if kind not in ("rss", "RDF", "feed"):
        raise NoFeed("XML that is neither RSS nor Atom")
    entries = [element for element in root.iter() if _local(element) in ("item", "entry")]
    return _items((_child(e, "guid", "id"), _child(e, "title"), _link(e)) for e in entries)


def _items(found: Iterable[tuple[str, str, str]]) -> tuple[Item, ...]:
    """In the feed's order, each key once; what has neither name nor link is nothing."""
    items: dict[str, Item] = {}
    for given, title, link in found:
        identity = given.strip() or link.strip() or title.strip()
        name = _line(title, TITLE_CHARS) or _web(link)
        if not identity or not name:
            continue
        key = hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:16]
        items.setdefault(key, Item(key, name, _web(link)))
        if len(items) == LIMIT_ITEMS:
            break
    return tuple(items.values())


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key, "")
    return str(value) if isinstance(value, str | int) else ""


def _local(element: Element) -> str:
    """Name without its namespace; comments and the like have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _child(entry: Element, *names: str) -> str:
    return next(("".join(child.itertext()) for child in entry if _local(child) in names), "")


def _link(entry: Element) -> str:
    """RSS has it as text, Atom as an attribute of the link that is `alternate` or says nothing else."""
    for child in entry:
        if _local(child) == "link" and child.get("rel", "alternate") == "alternate":
            return child.get("href") or child.text or ""
    return ""


def _line(text: str, limit: int) -> str:
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _web(link: str) -> str:
    link = link.strip()
    fine = link.startswith(("https://", "http://")) and len(link) <= LINK_CHARS
    return link if fine and link.isprintable() and not set(link) & set(" <>") else ""
