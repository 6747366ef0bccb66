"""Stage directions: is a phrase in *marks*, (parentheses) or [brackets] done or said? Pure.

The law, first match wins. *Open* means that a sentence could begin where the phrase stands, *continued*
that the sentence goes on behind it with a small letter.

1. A phrase led by an action word of the tables below is an action; "softly", "she" and the like may stand
   before the word.
2. Inside a sentence everything else is said: `you *really* should`, `this is *so much* fun`.
3. Several open words that begin with a small letter are an action: `*hops onto the table*`.
4. One open word with a capital is said (`*Never.*`), and so are titles (`*World is Mine*`) and cries
   (`*What was that?*`).
5. Every other open phrase is an action unless it is continued: `*She tilts her head.* Hello!` and
   `*kyaa* Hello!` are done, `*never* do that` is said.

In parentheses and brackets only rule 1 holds.
"""

import re

from procs.tts_bridge.core.wordlist import words

UNFINISHED_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]['’\-\w]{0,15}$")
"""The last word may still grow; beyond 16 letters it can't become one of the tables."""
LEAD_CHARS = 64
"""Within so many characters a phrase shows whether an action word leads it."""
WORDS = re.compile(r"[^\W\d_](?:[^\W\d_]|['’\-]|[\u0300-\u036f\u0900-\u0dff])*")

SOUNDS = words("""
    giggle chuckle snicker snort sigh gasp yawn cough sniff sniffle sob whimper squeal groan grumble hiccup
    gulp blush wink nod shrug pout grin smirk facepalm curtsy twirl nuzzle purr meow chomp ahem headpat
    fidget fistbump boop bonk
""")
"""Said like this they are always done: `*sigh*`, `*winks*`, `(giggling)`."""

SHOWN = words("""
    laugh smile wave cry dance sing clap jump hug bow whisper mumble mutter pause blink stare glance frown
    scream shout hum whistle stretch salute cheer think ponder beam glare stutter stammer breathe exhale
    inhale shiver tremble lick kiss bounce spin squint swoon cackle gesture tilt lean scratch rub tap pat
    grab poke pretend adjust brush flick clutch straighten crouch kneel peek squeeze flop wag
""")
"""Ordinary words too: done in the third person anywhere (`*laughs*`), in any form where a sentence begins."""

MOVES = words("""
    look turn put take reach step walk run sit stand hold move raise lower shake point touch cross close open
    lift pull push hide lie drop fall get start begin play try roll type check twist flip float glow cover
    clear slide snap
""")
"""Too ordinary to be sure: done in the third person with a gesture behind (`*looks away*`)."""
GESTURES = frozenset(
    words("""
    away around down up at back over off aside forward closer toward towards into
    her his its their my your herself himself head hand hands eyes arms chin hair breath step bow sip seat
""")
)
"""What a body does or does it with: `it *looks away*`, but `it *looks like* rain`."""

ADVERBS = re.compile(r"^\w{3,14}ly$|^(?:just|then|also|and|she|he|they|miku|still|almost)$")
"""May stand before the action word: `*softly giggles*`, `*she smiles*`."""

ELSEWHERE = frozenset(
    words("""
    laughter applause sfx
    lacht lache kichert kichere seufzt seufze grinst grinse lächelt lächle zwinkert nickt winkt gähnt hustet
    rit rire rires sourit soupire glousse ricane bâille
    ríe risa risas sonríe suspira guiña bosteza carcajada
    risos sorri risada boceja
    risata sorride sospira ridacchia sbadiglia
    lacht giechelt zucht glimlacht knipoogt
    śmieje śmiech chichocze wzdycha uśmiecha mruga
    smích směje usmívá vzdychá chichotá
    skratt skrattar fnissar suckar nickar griner smiler sukker fniser
    nauraa kikattaa huokaa hymyilee
    nevet sóhajt mosolyog kuncog
    râde zâmbește oftează chicotește
    смеётся смеется улыбается хихикает вздыхает подмигивает кивает зевает смех смеюсь улыбаюсь вздох
    сміється посміхається хихикає зітхає підморгує киває
    γελάει γελάω χαμογελάει αναστενάζει
    güler gülüyor gülümser gülümsüyor kıkırdıyor
    tertawa tersenyum menghela terkikik cười
    """)
)
"""Whole words of other languages: done wherever they lead a phrase."""

CAPTIONS = words("""
    笑 微笑 苦笑 爆笑 大笑 泣 汗 照れ ため息 くすくす にこ ニコ 拍手 叹气 嘆氣 眨眼 点头 點頭 鼓掌
    웃음 웃으 웃는 한숨 미소 하하 ㅋㅋ
""")
"""Begin a phrase that is done, in scripts without spaces or with endings."""


def _third_person(stem: str) -> str:
    if re.search(r"(?:[sxz]|ch|sh)$", stem):
        return f"{stem}es"
    return f"{stem[:-1]}ies" if re.search(r"[^aeiou]y$", stem) else f"{stem}s"


def _gerunds(stem: str) -> set[str]:
    return {f"{stem}ing", f"{stem.removesuffix('e')}ing", f"{stem}{stem[-1]}ing"}


_SHOWN_STEMS = frozenset(SHOWN)
_SOUND_FORMS = frozenset(form for stem in SOUNDS for form in (stem, _third_person(stem), *_gerunds(stem)))
_SHOWN_FORMS = frozenset(_third_person(stem) for stem in SHOWN)
_SHOWN_GERUNDS = frozenset(form for stem in SHOWN for form in _gerunds(stem))
_MOVE_FORMS = frozenset(_third_person(stem) for stem in MOVES)
_ALL_FORMS = _SOUND_FORMS | _SHOWN_STEMS | _SHOWN_FORMS | _SHOWN_GERUNDS | _MOVE_FORMS | ELSEWHERE


def _is_led_by_action(phrase: list[str], *, is_open: bool) -> bool:
    word = next((word for word in phrase[:3] if not ADVERBS.search(word)), "")
    if word in _SOUND_FORMS or word in _SHOWN_FORMS or word in ELSEWHERE or word.startswith(CAPTIONS):
        return True
    if word in _MOVE_FORMS:
        return not GESTURES.isdisjoint(phrase[1:5])
    return is_open and (word in _SHOWN_GERUNDS or (word in _SHOWN_STEMS and len(phrase) == 1))


def is_done(content: str, following: str, *, is_open: bool) -> bool | None:
    """Whether the phrase between two single marks is an action.

    Args:
        content: the text between the marks.
        following: the text behind the closing mark as far as known, blanks included.
        is_open: whether a sentence could begin where the phrase stands.

    Returns:
        None if that depends on text that is not known yet.
    """
    raw = WORDS.findall(content)
    phrase = [word.casefold() for word in raw]
    if not phrase:
        return not any(char.isdigit() for char in content)
    if _is_led_by_action(phrase, is_open=is_open):
        return True
    if not is_open or _is_title_or_cry(raw, content):
        return False
    if len(phrase) > 1 and raw[0][0].islower():
        return True
    if following.strip(" ") == "":
        return None
    return not _is_continued(following)


def _is_title_or_cry(raw: list[str], content: str) -> bool:
    if raw[0][0].islower():
        return False
    is_cry = content.rstrip("\"'”’ ").endswith(("!", "?", "！", "？"))
    n_capitals = sum(word[0].isupper() for word in raw[1:])
    return is_cry or (raw[0][0].isupper() and 2 * n_capitals >= len(raw) - 1)


def _is_continued(following: str) -> bool:
    first = following.lstrip(" ")[:1]
    if first != following[:1]:
        return first.islower()
    return (first.isalpha() and not first.isupper()) or first in ("'", "’", ",", ";", "-")


def could_lead_to_action(content: str) -> bool:
    """Whether an unfinished phrase may still turn out to be led by an action word."""
    start = UNFINISHED_WORD.sub("", content[:LEAD_CHARS])
    complete = [word.casefold() for word in WORDS.findall(start)][:3]
    lead = next((word for word in complete if not ADVERBS.search(word)), None)
    if lead is None:
        return len(complete) < 3
    return lead in _ALL_FORMS or lead.startswith(CAPTIONS)


def is_caption(content: str) -> bool:
    """Whether a phrase in parentheses or brackets is an action: `(laughs softly)`, `[sighs]`, `（笑）`."""
    phrase = [word.casefold() for word in WORDS.findall(content)]
    return len(phrase) <= 6 and _is_led_by_action(phrase, is_open=True)
