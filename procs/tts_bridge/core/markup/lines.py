"""Bullets, quotes, rules and tables at the starts of lines; dashes and arrows inside them. Pure.

Sources: CommonMark, sections on block structure; GitHub's tables; Discord's small print and spoilers.
"""

import re

from procs.tts_bridge.core.markup.faces import emoticon
from procs.tts_bridge.core.markup.here import MARK, PLAIN, WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap

DASHES = frozenset("–—―")


def hyphen(here: Here) -> Cut | Verdict:
    """Part of a word, a bullet, a rule, an arrow, small print, or a dash."""
    if (run := here.run()) is None:
        return WAIT
    following = here.peek(here.at + len(run))
    if following == ">":
        return Cut(len(run) + 1, Gap.SPACE)
    if len(run) > 2:
        return Cut(len(run), Gap.SPACE)
    if here.starts_line and (following in ("", "#") or following.isspace()):
        return Cut(len(run))
    if len(run) == 2 or (here.before.isspace() and (following.isspace() or not following)):
        return Cut(len(run), is_pause=True)
    return emoticon(here)


def dash(here: Here) -> Cut | Verdict:
    """A pause; between digits or the parts of a name a hyphen; at a line start the mark of direct speech."""
    if here.starts_line:
        return MARK
    if here.before.isdigit() or (here.char == "–" and here.is_glued):
        if not here.knows(here.at + 1):
            return WAIT
        if here.peek(here.at + 1).isalnum():
            return Cut(1, said="-")
    return Cut(1, is_pause=True)


def equals(here: Here) -> Cut | Verdict:
    """A sign that is said, an underline, or an arrow."""
    if (run := here.run()) is None:
        return WAIT
    if here.peek(here.at + len(run)) == ">":
        return Cut(len(run) + 1, Gap.SPACE)
    return emoticon(here) if len(run) == 1 else Cut(len(run))


def plus(here: Here) -> Cut | Verdict:
    """A bullet, or a sign that is said."""
    if not here.starts_line:
        return PLAIN
    if not here.knows(here.at + 1):
        return WAIT
    return MARK if here.peek(here.at + 1).isspace() else PLAIN


def greater(here: Here) -> Cut | Verdict:
    """The mark of a quote, an emoticon, or a sign that is said."""
    verdict = emoticon(here)
    return MARK if verdict is PLAIN and here.starts_line else verdict


BAR_ROW = re.compile(r"[|:\-+ \t]{0,500}")


def bar(here: Here) -> Cut | Verdict:
    """The border of a table cell, the rule below its head, or a spoiler."""
    if (run := here.run()) is None:
        return WAIT
    if len(run) > 1:
        return Cut(len(run))
    if not here.starts_line:
        return Cut(1, Gap.COMMA)
    end = here.at + len(here.matched(BAR_ROW, here.at))
    if not here.knows(end):
        return WAIT
    return Cut(end - here.at) if here.peek(end) in ("", "\n") else MARK
