"""Tags, mentions, custom emoji, time stamps, special tokens, thoughts. Pure.

Sources: Discord's message formatting reference; HTML; the chat templates of reasoning models.
"""

import html
import re

from procs.tts_bridge.core.glyphs import glyph
from procs.tts_bridge.core.markup.faces import emoticon
from procs.tts_bridge.core.markup.here import MARK, PLAIN, WAIT, Cut, Here, Verdict
from procs.tts_bridge.core.spacing import Gap
from procs.tts_bridge.core.wordlist import words

TAG_CHARS = 256
"""Longest tag, mention, custom emoji or special token."""

TAG = re.compile(r"<[^<>\n]*>")
TAG_HEAD = re.compile(r"</?[A-Za-z@#:!?|]")
TAG_NAME = re.compile(r"<([A-Za-z][\w\-]*)")
BLOCK_TAGS = words("br p div li ul ol tr table h1 h2 h3 h4 h5 h6 hr blockquote section")
HIDING_TAGS = words("""
    think thinking thought thoughts reasoning reflection analysis scratchpad tool_call function_call
    script style code pre svg
""")
"""What stands between such a tag and its end is not meant for ears."""
COMMENT, COMMENT_END = "<!--", re.compile(r"-->")


def less(here: Here) -> Cut | Verdict:
    """A tag, mention, custom emoji, time stamp or special token: dropped; else a heart or a sign."""
    if not here.knows(here.at + 1) or (here.peek(here.at + 1) == "/" and not here.knows(here.at + 2)):
        return WAIT
    if not TAG_HEAD.match(here.text, here.at):
        return emoticon(here)
    if here.text.startswith(COMMENT, here.at):
        return Cut(len(COMMENT), hides_until=COMMENT_END)
    tag = TAG.match(here.text, here.at, here.at + TAG_CHARS)
    if tag:
        return _tag(tag[0])
    rest, may_go_on = here.rest(TAG_CHARS - 1)
    return WAIT if may_go_on and "<" not in rest else MARK


def _tag(tag: str) -> Cut:
    found = TAG_NAME.match(tag)
    name = found[1].lower() if found else ""
    if name in HIDING_TAGS and not tag.endswith("/>"):
        return Cut(len(tag), Gap.SPACE, hides_until=re.compile(rf"</\s*{name}\s*>", re.IGNORECASE))
    if name in BLOCK_TAGS or tag[2:-1].lower() in BLOCK_TAGS:
        return Cut(len(tag), ends_line=True)
    is_inline = (tag[1].isalpha() or tag[1] == "/") and ":" not in tag
    return Cut(len(tag), Gap.NONE if is_inline else Gap.SPACE)


SHORTCODE = re.compile(r":[A-Za-z0-9_+\-]{1,40}:")
SHORTCODE_START = re.compile(r":[A-Za-z0-9_+\-]{0,40}$")


def colon(here: Here) -> Cut | Verdict:
    """A pause; standing alone perhaps an emoticon or the short code of an emoji, dropped."""
    before = here.before
    if before and not before.isspace() and before not in ":>!?.,~" and glyph(before) is not None:
        return PLAIN
    if found := SHORTCODE.match(here.text, here.at):
        return Cut(len(found[0]), Gap.SOFT)
    if SHORTCODE_START.match(here.text, here.at) and not here.is_final:
        return WAIT
    return emoticon(here)


ASCII_WORD = re.compile(r"[A-Za-z]{0,9}")
BROADCASTS = ("everyone", "here")


def at_sign(here: Here) -> Cut | Verdict:
    """A mention: of all, dropped; of a name, the name is said; in an address the sign is said."""
    if here.is_glued:
        return PLAIN
    name = here.matched(ASCII_WORD, here.at + 1).lower()
    if not here.knows(here.at + 1 + len(name)) and any(b.startswith(name) for b in BROADCASTS):
        return WAIT
    return Cut(1 + len(name), Gap.SPACE) if name in BROADCASTS else MARK


ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,9});")
ENTITY_START = re.compile(r"&(?:#\d{0,7}|#[xX][0-9A-Fa-f]{0,6}|[A-Za-z][A-Za-z0-9]{0,9})?$")


def entity(here: Here) -> Cut | Verdict:
    """An HTML entity, said as the character it stands for, or a sign that is said."""
    found = ENTITY.match(here.text, here.at)
    if not found:
        may_go_on = ENTITY_START.match(here.text, here.at) and not here.is_final
        return WAIT if may_go_on else PLAIN
    char = html.unescape(found[0])
    return Cut(len(found[0]), Gap.SPACE if char in "<>\xa0" else Gap.NONE, said=char.strip("<>\xa0"))
