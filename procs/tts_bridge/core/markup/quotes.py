"""French quotes, which are written with blanks inside: « oui » is said as "oui". Pure."""

from procs.tts_bridge.core.markup.here import WAIT, Cut, Here, Verdict


def guillemet(here: Here) -> Cut | Verdict:
    """An opening one takes in the blank behind it; a closing one the blank before it."""
    if not here.knows(here.at + 1):
        return WAIT
    following = here.peek(here.at + 1)
    if here.char == "«":
        return Cut(2 if following in (" ", "\xa0", "\u202f") else 1, said='"')
    return Cut(1, said='"', is_tight=not following.isalnum())
