"""Addresses, links, images, footnotes and other brackets. Pure.

Of a link the text is said, of a bare host name with a path the name; whole addresses are dropped. Source:
CommonMark, sections on links and images.
"""

import re

from procs.tts_bridge.core import actions
from procs.tts_bridge.core.markup.here import MARK, PLAIN, WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap

LINK_CHARS = 2048
"""Longest address: a Discord message has 2,000 characters."""
NOTE_CHARS = 120
"""Longest look into brackets."""

ADDRESS = re.compile(r"[^\s<>\"`\u2010-\u2027\u2e80-\ua4cf\uac00-\ud7af\uff00-\uffef]*")
ADDRESS_ENDS = frozenset(".,;:!?'*_~|]}")
"""Belong to the sentence when they stand last; a closing parenthesis does if none was opened."""
HOST = re.compile(r"[A-Za-z0-9\-]\.[A-Za-z]{2,24}(?::\d+)?$")
TARGET = re.compile(r"\((?:[^()\s]|\([^()\s]*\))*(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'))?[ \t]*\)")
TARGET_START = re.compile(
    r"\((?:[^()\s]|\([^()\s]*\))*(?:\([^()\s]*|[ \t]+(?:\"[^\"\n]*\"?|'[^'\n]*'?)?[ \t]*)?"
)
IMAGE = re.compile(r"\[[^\]\n]*\](?:\([^)\n]*\))?")
REFERENCE, REFERENCE_START = re.compile(r"\[[^\[\]\n]{0,64}\]"), re.compile(r"\[[^\[\]\n]{0,64}")
BEHIND_TEXT = {"(": (TARGET, TARGET_START), "[": (REFERENCE, REFERENCE_START)}
"""What a link's text may be followed by: the target, whole and unfinished."""
NOTE = re.compile(r"\^.*|[\d, ]*|x|X")
"""What stands in brackets without being text: a footnote, a check box."""
SOURCE = re.compile(r"[\d, ]*|.*†.*")
THINKING = re.compile(r"\[/?THINK\]", re.IGNORECASE)
SCHEMES = ("http://", "https://", "ftp://", "www.")
SCHEME_HEADS = frozenset("hHfFwW")
SCHEME_STARTS = frozenset(scheme[:n] for scheme in SCHEMES for n in range(1, len(scheme)))


def address(here: Here) -> Cut | Verdict:
    """A bare address, dropped; asked where an ASCII word begins."""
    known = here.text[here.at : here.at + 8].lower()
    if not known.startswith(SCHEMES):
        is_open = known in SCHEME_STARTS and here.at + len(known) == len(here.text)
        return WAIT if is_open and not here.is_final else PLAIN
    return _address_from(here)


def slash(here: Here) -> Cut | Verdict:
    """The path behind a bare host name, dropped: of `github.com/a/b` the name is said."""
    return _address_from(here) if HOST.search(here.tail) and not here.before.isspace() else PLAIN


def _address_from(here: Here) -> Cut | Verdict:
    found = ADDRESS.match(here.text, here.at, here.at + LINK_CHARS)
    end = found.end() if found else here.at
    if end == len(here.text) and end < here.at + LINK_CHARS and not here.is_final:
        return WAIT
    whole = here.text[here.at : end]
    while whole[-1] in ADDRESS_ENDS or (whole[-1] == ")" and whole.count("(") < whole.count(")")):
        whole = whole[:-1]
    return Cut(len(whole), Gap.SPACE)


def bracket(here: Here) -> Cut | Verdict:
    """The text of a link, said; an image, a footnote, a check box, a stage direction: dropped."""
    if thinking := THINKING.match(here.text, here.at):
        return Cut(len(thinking[0]), Gap.SPACE, hides_until=_closing_of(thinking[0]))
    if here.before == "!":
        return _image(here)
    rest, may_go_on = here.rest(NOTE_CHARS)
    end = rest.find("]")
    if end < 0:
        return WAIT if may_go_on and _may_be_note(rest) else MARK
    is_dropped = bool(NOTE.fullmatch(rest[:end]))
    if actions.is_caption(rest[:end]):
        behind = here.at + end + 2
        if not here.knows(behind):
            return WAIT
        is_dropped = here.peek(behind) != "("  # the text of a link is said
    return Cut(end + 1, Gap.SPACE) if is_dropped else MARK  # the closing bracket may carry a target


def _closing_of(thinking: str) -> re.Pattern[str] | None:
    return None if "/" in thinking else re.compile(r"\[/THINK\]", re.IGNORECASE)


def _image(here: Here) -> Cut | Verdict:
    may_go_on = here.rest(LINK_CHARS)[1]
    found = IMAGE.match(here.text, here.at)
    if found and here.knows(found.end()) and (found[0].endswith(")") or here.peek(found.end()) != "("):
        return Cut(len(found[0]), Gap.SPACE)
    return WAIT if may_go_on else MARK


def _may_be_note(rest: str) -> bool:
    return bool(NOTE.fullmatch(rest)) or actions.could_lead_to_action(rest)


def bracket_end(here: Here) -> Cut | Verdict:
    """The end of a link's text with its target, dropped."""
    if not here.knows(here.at + 1):
        return WAIT
    if here.peek(here.at + 1) not in BEHIND_TEXT:
        return MARK
    ends, starts = BEHIND_TEXT[here.peek(here.at + 1)]
    if found := ends.match(here.text, here.at + 1):
        return Cut(found.end() - here.at)
    rest, may_go_on = here.rest(LINK_CHARS)
    return WAIT if may_go_on and starts.fullmatch(rest) else MARK


def source(here: Here) -> Cut | Verdict:
    """A note of a source in lenticular brackets, dropped; other text in them is said."""
    rest, may_go_on = here.rest(NOTE_CHARS)
    end = rest.find("】")
    if end < 0:
        return WAIT if may_go_on else PLAIN
    return Cut(end + 2, Gap.SPACE) if SOURCE.fullmatch(rest[:end]) else PLAIN
