"""*phrase*, _phrase_, **bold**: said or done, as `core/actions.py` judges. Pure.

Single marks may hold an action, so their phrase is held until its end or until it cannot be one any more;
double and triple marks are always emphasis and vanish at once. Source: CommonMark, section on emphasis.
"""

import re

from procs.tts_bridge.core import actions
from procs.tts_bridge.core.markup.here import MARK, WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap

PHRASE_CHARS = 500
"""Longest *action*: role-play models narrate whole paragraphs."""

CLOSERS = {
    "*": re.compile(r"(?<![\s*])\*(?!\*)"),
    "_": re.compile(r"(?<![\s_])_(?![_\w])"),
}


def star(here: Here) -> Cut | Verdict:
    """Emphasis, bold, a bullet, a rule, or times."""
    if (run := here.run()) is None:
        return WAIT
    following = here.peek(here.at + len(run))
    if len(run) > 1 or following.isspace() or not following:
        return Cut(len(run))
    if here.before.isdigit() and following.isdigit():
        return Cut(1, said="×")
    return MARK if here.is_glued else _phrase(here)


def underscore(here: Here) -> Cut | Verdict:
    """Emphasis, bold, a rule, or part of a name: `snake_case` is said as two words."""
    if (run := here.run()) is None:
        return WAIT
    following = here.peek(here.at + len(run))
    if here.before.isalnum() and following.isalnum():
        return Cut(len(run), Gap.SPACE)
    if len(run) > 1 or here.is_glued or following.isspace() or not following:
        return Cut(len(run))
    return _phrase(here)


def _phrase(here: Here) -> Cut | Verdict:
    rest, may_go_on = here.rest(PHRASE_CHARS)
    found = CLOSERS[here.char].search(rest)
    if found and not here.knows(here.at + 1 + found.end()):
        return WAIT
    if not found:
        return WAIT if may_go_on and (here.is_open or actions.could_lead_to_action(rest)) else MARK
    end = here.at + 1 + found.end()
    is_done = actions.is_done(rest[: found.start()], here.text[end:], is_open=here.is_open)
    if is_done is None and not here.is_final:
        return WAIT
    return MARK if is_done is False else Cut(end - here.at, Gap.SOFT)
