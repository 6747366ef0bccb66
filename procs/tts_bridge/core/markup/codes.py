"""Code: fences are hidden as a whole, inline code is said when it reads as words. Pure."""

import re

from procs.tts_bridge.core.markup.here import WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap

SPAN_CHARS = 200
"""Longest inline code: more is a mark without a partner."""

CODE_WORDS = re.compile(r"\w[\w ,.'’+#\-]{0,39}")
"""Inline code that reads as words is said: `print`, `miku.toml`; anything else is code."""


def backtick(here: Here) -> Cut | Verdict:
    """A code fence, hidden as a whole, or inline code, said when it reads as words."""
    if (run := here.run()) is None:
        return WAIT
    if len(run) > 2:
        return Cut(len(run), Gap.SPACE, hides_until=re.compile(run))
    rest, may_go_on = here.rest(SPAN_CHARS)
    end = rest.find(run, len(run) - 1)
    if end < 0:
        return WAIT if may_go_on else Cut(len(run))
    first, length = len(run), 1 + end + len(run)
    if CODE_WORDS.fullmatch(rest[len(run) - 1 : end].strip()):
        return Cut(length, kept=(first, 1 + end))
    return Cut(length, Gap.SPACE)


def tilde(here: Here) -> Cut | Verdict:
    """A flourish, strike-through, a range, or a code fence at the start of a line."""
    if (run := here.run()) is None:
        return WAIT
    if len(run) > 2 and here.starts_line:
        return Cut(len(run), hides_until=re.compile(re.escape(run)))
    is_range = here.before.isdigit() and here.peek(here.at + len(run)).isdigit()
    return Cut(len(run), said="-" if is_range else "")
