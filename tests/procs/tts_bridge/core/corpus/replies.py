"""Model-like replies, made from a seed: spoken sentences mixed with everything a voice must not read.

Each fragment knows which words may be heard, so a test can compare the words that reach the voice with
those that should, exactly: nothing unspeakable comes through and nothing speakable is lost.
"""

import re
from dataclasses import dataclass
from random import Random

from procs.tts_bridge.core.wordlist import words

WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Fragment:
    """Raw text and the words of it that may be heard."""

    raw: str
    heard: tuple[str, ...] = ()


def said(raw: str) -> Fragment:
    """A fragment of which every word is heard."""
    return Fragment(raw, tuple(WORD.findall(raw)))


SENTENCES = """
Hello there, how are you today?
I really love singing with you.
That sounds like so much fun!
Maybe we can try it tomorrow, if you want.
Well, I don't know yet.
It costs 3.50 euros, which is fair.
My favourite colour is teal, of course.
Dr. Tanaka said it's fine.
Thank you so much for telling me.
Das klingt wirklich gut, finde ich.
Wie geht es dir heute?
C'est une très bonne idée, non ?
¿Quieres cantar conmigo?
今日はとても楽しかったです。
また一緒に歌いましょう！
我们明天再聊吧。
오늘 정말 재미있었어요.
Мне очень понравилась эта песня.
मुझे यह गाना बहुत पसंद है।
آهنگ خیلی قشنگی بود.
Version 2.0 is out now, finally.
The well-known song has 39 verses.
""".strip().splitlines()

ACTIONS = """
giggles
waves happily
tilts her head to the side
smiles softly
She blushes and looks away.
winks at you
hops onto the desk and swings her legs
spins around, twin tails flying
laughs
sighs dramatically
kichert leise
takes a deep breath
hugs you tightly
Her eyes sparkle as she leans in closer.
puts a finger on her lips
nods
微笑む
笑
улыбается и машет рукой
rit doucement
sonríe y saluda
yawns
hums a little tune
poses with her leek
""".strip().splitlines()

INNER_ACTIONS = ("giggles", "sighs", "scratches head", "laughs softly", "looks away", "winks", "smiles shyly")

EMOJI = words("😀 🎉 ❤️ ❤️‍🔥 👨‍👩‍👧‍👦 🏳️‍🌈 🇯🇵 👍🏽 ✨ 🎶 💙 🥺 ☺️ 🤷‍♀️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ♪ ★ ✅ 🫶 ‼️ ©️")

DROPPED = (
    "https://example.com/watch?v=dQw4&list=a_b*c",
    "<https://hidden.example/x>",
    "www.example.org/path_(x)",
    "http://localhost:8080/v1",
    "<:miku_wave:123456789012345678>",
    "<a:miku_dance:123456789012345678>",
    "<@123456789012345678>",
    "<@!123456789012345678>",
    "<@&123456789012345678>",
    "<#123456789012345678>",
    "<t:1700000000:R>",
    "@everyone",
    "@here",
    ":wave:",
    ":heart_eyes:",
    "(^_^)",
    "(≧▽≦)",
    "ヽ(´▽`)/",
    r"¯\_(ツ)_/¯",
    "(╯°□°)╯",
    ":D",
    ";)",
    "<3",
    "xD",
    "T_T",
    "(giggles)",
    "[laughs softly]",
    "（笑）",
    "`os.path.join(a, b)[0]`",
    "`for (;;) {}`",
    "<|im_end|>",
    "[^1]",
    "[12]",
    "![alt text](https://example.com/a.png)",
    "\u200b",
    "&nbsp;",
    "<img src='x.png' alt='y'>",
    "<!-- a comment -->",
)

BLOCKS = (
    "```python\nprint('x' * 3)  # *sighs*\n```",
    "```\nrm -rf /tmp/x\n```",
    "~~~\ncode | code\n~~~",
    "<think>The user wants *giggles* and **bold** text.\n\nI should answer.</think>",
    "<thinking>plan: 1. greet 2. sing</thinking>",
    "<reasoning>\n- step one\n</reasoning>",
    "[THINK]secret plan[/THINK]",
    "---",
    "***",
    "|---|:---:|",
)

MARKED = (
    ("**{}**", 3),
    ("***{}***", 2),
    ("__{}__", 2),
    ("~~{}~~", 2),
    ("||{}||", 3),
    ("<b>{}</b>", 2),
    ("<u>{}</u>", 2),
    ("[{}](https://example.com/a_b?c=*d*)", 3),
    ('[{}](<https://example.com> "a title")', 2),
    ("`{}`", 2),
    ("*{}*", 1),
    ("_{}_", 1),
)
"""Marks around words that are heard, and how many words they hold."""

LINE_STARTS = ("# ", "## ", "### ", "- ", "* ", "+ ", "> ", ">>> ", "-# ", "• ", "- [x] ", "> - ", "- [ ] ")


PLAIN_WORDS = words("really very songs stage music today leek dance blue happy")


def plain_words(rng: Random, n_words: int) -> str:
    """Ordinary words inside a sentence."""
    return " ".join(rng.choice(PLAIN_WORDS) for _ in range(n_words))


def _sentence(rng: Random) -> Fragment:
    return said(rng.choice(SENTENCES))


def _marked(rng: Random) -> Fragment:
    pattern, n_words = rng.choice(MARKED)
    inside = plain_words(rng, rng.randint(1, n_words))
    heard = said(f"This is {inside} for you.").heard
    return Fragment(f"This is {pattern.format(inside)} for you.", heard)


def _action(rng: Random) -> Fragment:
    mark = rng.choice("**_")
    return Fragment(f"{mark}{rng.choice(ACTIONS)}{mark}")


def _inner_action(rng: Random) -> Fragment:
    return Fragment(f"Well *{rng.choice(INNER_ACTIONS)}* maybe later.", ("Well", "maybe", "later"))


def _dropped(rng: Random) -> Fragment:
    return Fragment(rng.choice(DROPPED))


def _emoji(rng: Random) -> Fragment:
    return Fragment("".join(rng.choice(EMOJI) for _ in range(rng.randint(1, 3))))


def _block(rng: Random) -> Fragment:
    return Fragment("\n" + rng.choice(BLOCKS) + "\n")


def _line(rng: Random) -> Fragment:
    sentence = rng.choice(SENTENCES)
    return Fragment("\n" + rng.choice(LINE_STARTS) + sentence + "\n", tuple(WORD.findall(sentence)))


def _table(rng: Random) -> Fragment:
    cells = [plain_words(rng, 1) for _ in range(4)]
    a, b, c, d = cells
    return Fragment(f"\n| {a} | {b} |\n|---|---|\n| {c} | {d} |\n", tuple(cells))


MAKERS = (
    *[_sentence] * 8,
    *[_marked] * 3,
    *[_action] * 3,
    _inner_action,
    *[_dropped] * 3,
    *[_emoji] * 3,
    _block,
    _line,
    _table,
)


def reply(seed: int) -> Fragment:
    """The reply of a seed: three to nine fragments."""
    rng = Random(seed)
    fragments = [rng.choice(MAKERS)(rng) for _ in range(rng.randint(3, 9))]
    raw = " ".join(fragment.raw for fragment in fragments)
    return Fragment(raw, tuple(word for fragment in fragments for word in fragment.heard))
