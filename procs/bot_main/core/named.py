"""What somebody means who names a channel or a role: by Discord's mention, by name, or by id. Pure."""

import difflib
import re
from collections.abc import Mapping

MENTION = re.compile(r"<(?:#|@&)([0-9]{1,20})>")
NEAREST = 3
"""Names offered in the place of one that nobody has."""
SHOWN_CHARS = 40
"""Of what was written, in an answer."""


class Unclear(Exception):
    """It names nothing, or more than one thing; the text is a sentence for people."""


def one(text: str, names: Mapping[int, str], mark: str) -> int:
    """The id of what is named.

    Args:
        names: id → name of all that can be meant.
        mark: `#` or `@`, as names of this kind are written.

    Raises:
        Unclear: with the nearest names, or with all that are called so.
    """
    text = text.strip()
    mention = MENTION.fullmatch(text)
    by_id = int(mention[1] if mention else text) if mention or (text.isascii() and text.isdigit()) else 0
    if by_id in names:
        return by_id
    wanted = _plain(text, mark)
    called = [id_ for id_, name in names.items() if _plain(name, mark) == wanted]
    if len(called) == 1:
        return called[0]
    raise Unclear(_many(called, wanted, mark) if called else _none(text, wanted, names, mark))


def several(text: str, names: Mapping[int, str], mark: str) -> tuple[int, ...]:
    """The ids of all that are named, with commas or spaces between them; a name may hold spaces.

    Raises:
        Unclear: as for `one`, for the first that is.
    """
    found: list[int] = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(one(part, names, mark))
        except Unclear:
            if len(part.split()) == 1:
                raise
            found += (one(word, names, mark) for word in part.split())
    return tuple(dict.fromkeys(found))


def _plain(name: str, mark: str) -> str:
    return name.strip().removeprefix(mark).strip().casefold()


def _many(called: list[int], wanted: str, mark: str) -> str:
    ids = ", ".join(f"`{id_}`" for id_ in called[:NEAREST])
    return f"{len(called)} are called `{mark}{_cut(wanted)}`: give the id of one ({ids})."


def _none(text: str, wanted: str, names: Mapping[int, str], mark: str) -> str:
    plain = {_plain(name, mark): name.removeprefix(mark) for name in names.values()}
    near = difflib.get_close_matches(wanted[:SHOWN_CHARS], list(plain), n=NEAREST)
    offered = ", ".join(f"`{mark}{_cut(plain[name])}`" for name in near or list(plain)[:NEAREST])
    hint = f" Did you mean {offered}?" if near else f" There are {offered}." if offered else ""
    return f"I see none called `{_cut(text)}` here.{hint}"


def _cut(text: str) -> str:
    return text.replace("`", "'")[:SHOWN_CHARS]
