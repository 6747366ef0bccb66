"""Stage directions in parentheses, faces drawn with characters. Pure."""

import re

from procs.tts_bridge.core import actions
from procs.tts_bridge.core.glyphs import glyph, is_mark
from procs.tts_bridge.core.markup.here import PLAIN, WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap
from procs.tts_bridge.core.wordlist import words

CAPTION_CHARS = 120
"""Longest look into parentheses."""

DRAWN = re.compile(r"[_^°•｡]|^\s*[・･].*[・･]\s*$")
"""Punctuation that faces are drawn with, beside the pictures of `glyph`."""
ARMS = re.compile(r"[ノﾉ/\\┛ง۶ᕗ╯☆✧♡♪~～*]{0,8}")
TEXT = re.compile(r"[^\W\d_ﾞﾟ]{2,}|\d")
"""Two letters in a row or a digit: no face."""


def parenthesis(here: Here) -> Cut | Verdict:
    """A stage direction or a face, dropped; anything else is said."""
    rest, may_go_on = here.rest(CAPTION_CHARS)
    end = re.search(r"[)）]", rest)
    if not end:
        is_undecided = may_go_on and (actions.could_lead_to_action(rest) or not _has_words(rest))
        return WAIT if is_undecided else PLAIN
    content = rest[: end.start()]
    if actions.is_caption(content):
        return Cut(end.end() + 1, Gap.SOFT)
    if not _is_face(content):
        return PLAIN
    length = 1 + end.end()
    length += len(here.matched(ARMS, here.at + length))
    return Cut(length, Gap.SOFT) if here.knows(here.at + length) else WAIT


def _is_face(content: str) -> bool:
    is_drawn = DRAWN.search(content) or any(glyph(char) is None for char in content)
    return bool(is_drawn) and not _has_words(content)


def _has_words(content: str) -> bool:
    letters = "".join(char for char in content if not is_mark(char))  # vowel signs interrupt no word
    return bool(TEXT.search(letters))


EMOTICONS = words(r"""
    :) :-) :( :-( ;) ;-) :D :-D :d ;D =D xD XD xd :P :-P :p ;P :O :-O :o :3 ;3 >:3 :'( :') :/ :\ :| :* :c :>
    =) =( =] :] :[ >:( >:) >:D >_< >.< >///< >w< >o< <3 </3 ^^ ^_^ ^-^ ^o^ ^w^ ^.^ ^^; ^_^; T_T T-T ToT TwT
    ;_; ;w; ;-; o_o O_O o_O O_o o.o O.O o.O O.o x_x X_X u_u U_U n_n Q_Q q_q -_- -w- ¯\_(ツ)_/¯ \o/ orz
""")
"""Faces made of letters and punctuation that a voice would spell out."""
EMOTICON_HEADS = frozenset(face[0] for face in EMOTICONS)
EMOTICON_STARTS = frozenset(face[:n] for face in EMOTICONS for n in range(1, len(face) + 1))
LONGEST_EMOTICON = max(map(len, EMOTICONS))


def emoticon(here: Here) -> Cut | Verdict:
    """A face that stands alone, dropped."""
    if here.is_glued:
        return PLAIN
    known = here.text[here.at : here.at + LONGEST_EMOTICON + 1]
    if here.at + len(known) == len(here.text) and known in EMOTICON_STARTS and not here.is_final:
        return WAIT
    faces = [face for face in EMOTICONS if known.startswith(face)]
    if not faces:
        return PLAIN
    face = max(faces, key=len)
    behind = known[len(face) : len(face) + 1]
    return PLAIN if behind.isalnum() and face[-1].isalnum() else Cut(len(face), Gap.SOFT)
