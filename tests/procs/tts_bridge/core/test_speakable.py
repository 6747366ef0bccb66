import re
import unicodedata
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from procs.tts_bridge.core.markup.emphasis import PHRASE_CHARS
from procs.tts_bridge.core.markup.links import LINK_CHARS
from procs.tts_bridge.core.speakable import Speakable, Spoken
from procs.tts_bridge.core.wordlist import words
from tests.procs.tts_bridge.core.corpus.replies import WORD, reply
from tests.procs.tts_bridge.core.corpus.tokens import random_parts, tokens

pytestmark = pytest.mark.unit

N_REPLIES = 2_000
N_SPLIT_EVERYWHERE = 40


def filtered(parts: list[str]) -> Spoken:
    speakable = Speakable()
    pieces = [*(speakable.feed(part) for part in parts), speakable.finish()]
    return Spoken("".join(p.text for p in pieces), tuple(o for p in pieces for o in p.offsets))


def heard(raw: str) -> str:
    """The text of a reply as the voice gets it; the same whole, in tokens and letter by letter."""
    whole = filtered([raw])
    assert filtered(tokens(raw)) == whole
    assert filtered(list(raw)) == whole
    return whole.text.strip()


CASES = {
    "emphasis": [
        ("This is **bold** and __strong__.", "This is bold and strong."),
        ("***Very*** important", "Very important"),
        ("I *really* mean it", "I really mean it"),
        ("This is *so much* fun", "This is so much fun"),
        ("You should _not_ do that", "You should not do that"),
        ("~~No~~ yes, ||spoiler|| here", "No yes, spoiler here"),
        ("snake_case and __init__", "snake case and init"),
        ("2*3 is 6", "2×3 is 6"),
        ("5* hotel", "5 hotel"),
        (r"a \*literal\* star", "a literal star"),
    ],
    "actions": [
        ("*giggles* Hello!", "Hello!"),
        ("Hello! *waves at you*", "Hello!"),
        ("_sighs deeply_ Fine.", "Fine."),
        ("*She tilts her head.* Why?", "Why?"),
        ("*Giggles* That is funny.", "That is funny."),
        ("Well *scratches head* maybe.", "Well maybe."),
        ("I'm so tired *sigh* today", "I'm so tired today"),
        ("*smiles* *waves* *bows* Hi", "Hi"),
        ("So um *looks away* I like you *takes a deep breath* ok", "So um, I like you ok"),
        ("*kyaa* Hello!", "Hello!"),
        ("*笑う* こんにちは。", "こんにちは。"),
        ("(laughs) Sure.", "Sure."),
        ("Sure [sighs softly], why not.", "Sure, why not."),
        ("そうですね（笑）", "そうですね"),
        (r"\*giggles\* Hi", "Hi"),
        ("*hops onto the table\nand an open end", "hops onto the table\nand an open end"),
    ],
    "emphasis that only looks like an action": [
        ("*Never* do that.", "Never do that."),
        ("*never* do that.", "never do that."),
        ("It *looks like* rain, it *takes time*.", "It looks like rain, it takes time."),
        (
            "Later (looks like rain) or (takes about an hour).",
            "Later (looks like rain) or (takes about an hour).",
        ),
        ("*World is Mine* is my song.", "World is Mine is my song."),
        ("*What was that?* I asked.", "What was that? I asked."),
        ("We (the band) played.", "We (the band) played."),
        ("It is (see below) open.", "It is (see below) open."),
        ("Dear [Name], hello", "Dear Name, hello"),
    ],
    "lines": [
        ("# Title\nText", "Title\nText"),
        ("- one\n* two\n+ three\n• four", "one\ntwo\nthree\nfour"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("> quoted\n>>> more", "quoted\nmore"),
        ("- [x] done\n- [ ] open", "done\nopen"),
        ("-# small print", "small print"),
        ("above\n---\nbelow\n***\nend", "above\nbelow\nend"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b\n1, 2"),
        ("one\r\n\r\ntwo", "one\ntwo"),
    ],
    "code": [
        ("Use `print` here", "Use print here"),
        ("Use `os.path(x)[0]` here", "Use here"),
        ("See:\n```py\nx = 1\n```\nDone.", "See:\nDone."),
        ("Open ``a ` b`` end", "Open end"),
        ("```never closed\nx", ""),
        ("A stray ` mark", "A stray mark"),
    ],
    "links": [
        ("See [the docs](https://a.b/c_(d)?e=*f*) now", "See the docs now"),
        ('See [the docs](<https://a.b> "title").', "See the docs."),
        ("Go to https://a.b/c. Then rest.", "Go to. Then rest."),
        ("It is (https://a.b/c) there", "It is there"),
        ("Try www.a.b/c or <https://d.e>!", "Try or!"),
        ("On github.com/a/b?c=d it is", "On github.com it is"),
        ("![picture](https://a.b/c.png) end", "! end"),
        ("As said [1](https://a.b) and [2][^3].", "As said and."),
        ("The http protocol, hhh", "The http protocol, hhh"),
        ("Mail me@example.com please", "Mail me@example.com please"),
    ],
    "tags": [
        ("Hi <:miku:123> <a:wave:45> <@67> <@!8> <@&9> <#10> <t:11:R> end", "Hi end"),
        ("Hey @everyone and @here and @Koko", "Hey and and Koko"),
        ("<b>bold</b> and<br>new", "bold and\nnew"),
        ("<think>secret *x*\n\n</think>Hello", "Hello"),
        ("<THINKING>a</THINKING> b", "b"),
        ("<think>never closed", ""),
        ("left over</think> text", "left over text"),
        ("[THINK]x[/THINK]y", "y"),
        ("Bye<|im_end|>", "Bye"),
        ("a < b and c > d, 1 <2", "a < b and c > d, 1 <2"),
        ("Q&amp;A, R&D &lt;x&gt; a&nbsp;b", "Q&A, R&D x a b"),
        ("<!-- hidden --> seen", "seen"),
    ],
    "emoji and faces": [
        ("Hi 😀!", "Hi!"),
        ("Hi😀there", "Hi there"),
        ("So happy 🎉 Let's go", "So happy, Let's go"),
        ("So happy 🎉 today", "So happy today"),
        ("A 👨‍👩‍👧‍👦 🏳️‍🌈 🇯🇵 👍🏽 ❤️‍🔥 B", "A, B"),
        ("1️⃣ first 2️⃣ second", "1 first 2 second"),
        ("Yes ( ͡° ͜ʖ ͡°) (आख़िरकार!) no", "Yes (आख़िरकार!) no"),
        ("Yes (^_^) no (╯°□°)╯ so ヽ(´▽`)/ end", "Yes no so end"),
        (r"Dunno ¯\_(ツ)_/¯ :D xD <3 ;) end", "Dunno end"),
        ("Wave :wave: at 10:30:15", "Wave at 10:30:15"),
        ("Hello~ 10~20 ♪", "Hello 10-20"),
        ("It is 20 °C, № 5", "It is 20 °C, № 5"),
    ],
    "punctuation": [
        ("Wow!!! What?!?! Ok.... Fine…", "Wow! What?! Ok... Fine..."),
        ("“Hi,” she said – it’s ok", '"Hi," she said, it\'s ok'),
        ("word — word, word—word, word--word", "word, word, word, word, word, word"),
        ("3–5 and Paris–London and well-known", "3-5 and Paris-London and well-known"),
        ("« Oui », dit-il. „Ja“", '"Oui", dit-il. "Ja"'),
        ("a\u200bb\u200d c\u00add\u202ee", "ab cde"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("bell\x07 and \ufffd tab\tend", "bell and tab end"),
        ("𝓗𝓮𝓵𝓵𝓸", "Hello"),
        ("double  space", "double space"),
    ],
}


@pytest.mark.parametrize(
    ("raw", "spoken"),
    [pytest.param(*case, id=f"{topic}: {case[0]!r}") for topic in CASES for case in CASES[topic]],
)
def test_what_is_said_and_what_is_not(raw, spoken):
    assert heard(raw) == spoken


FORBIDDEN = re.compile(r"[*_`#~|\\{}\[\]^<>@\u200b\ufe0f]|https?:|www\.|:\w+:")


def assert_clean(text: str) -> None:
    assert not FORBIDDEN.search(text), text
    kinds = {unicodedata.category(char) for char in text if char not in "\n°℃№"}
    assert not kinds & {"So", "Sk", "Cc", "Co", "Cs", "Cn"}, text


def test_of_model_like_replies_exactly_the_speakable_words_are_heard():
    for seed in range(N_REPLIES):
        made = reply(seed)
        spoken = filtered([made.raw])
        assert tuple(WORD.findall(spoken.text)) == made.heard, made.raw
        assert_clean(spoken.text)


def test_model_like_replies_sound_the_same_however_they_were_cut():
    for seed in range(N_REPLIES):
        raw, rng = reply(seed).raw, Random(seed)
        whole = filtered([raw])
        assert filtered(tokens(raw)) == whole, raw
        assert filtered(random_parts(raw, rng, rng.randint(1, 6))) == whole, raw


def test_a_few_replies_are_cut_at_every_possible_point():
    for seed in range(N_SPLIT_EVERYWHERE):
        raw = reply(seed).raw
        whole = filtered([raw])
        assert filtered(list(raw)) == whole, raw
        assert [i for i in range(len(raw)) if filtered([raw[:i], raw[i:]]) != whole] == [], raw


SNIPPETS = [
    *"abhwTx .,!?:;'\"*_~`|<>[]()-–—=+#@&/\\\n12^…。你（）【】†ノ«»\u200c\u200d\r\t",
    *("```", "**", "http://", "www.", "</think>", "<think>", "[THINK]", "[/THINK]", "😀", "❤️‍🔥", "1️⃣", "🇩🇪"),
    *("giggles", "looks", "softly", "She ", "word ", "<:m:1>", "everyone", "&amp;", "![", "](", "th", "ink"),
]
TEXTS = st.lists(st.sampled_from(SNIPPETS), max_size=20).map("".join) | st.text(max_size=40)


@given(TEXTS, st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
@example("（—gigglessoftlysoftly```looks*）:", Random(0))
@example(']([*a*](b(c) "d")', Random(1))
def test_any_text_sounds_the_same_however_it_was_cut(text, rng):
    whole = filtered([text])
    assert filtered(list(text)) == whole
    assert filtered(random_parts(text, rng, 3)) == whole


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_character_has_the_offset_it_came_from(text):
    spoken = filtered([text])
    assert len(spoken.offsets) == len(spoken.text)
    assert list(spoken.offsets) == sorted(spoken.offsets)
    assert all(0 <= offset < len(text) for offset in spoken.offsets)
    letters = [
        (c, text[o]) for c, o in zip(spoken.text, spoken.offsets, strict=True) if c.isascii() and c.isalpha()
    ]
    assert all(said == raw or raw in "&𝓗" or not raw.isascii() for said, raw in letters)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_no_white_space_is_doubled_and_none_leads(text):
    spoken = filtered([text]).text
    assert not re.search(r"[ \n]{2}|^\s", spoken)


ORDINARY_WORDS = words("I love singing blue songs today höre 今日は мне हैं")


@given(st.lists(st.sampled_from(ORDINARY_WORDS), min_size=1))
@settings(deadline=None)
def test_a_word_and_the_end_of_a_sentence_pass_with_the_token_that_brings_them(chosen):
    speakable = Speakable()
    for index, word in enumerate(chosen):
        blank = " " if index else ""
        assert speakable.feed(blank + word).text == blank + word
    for mark in ".!?":
        assert Speakable().feed(chosen[0] + mark).text == chosen[0] + mark
    assert speakable.feed(",").text == ","
    assert speakable.feed("\n").text == "\n"


@pytest.mark.parametrize(
    "opening", ["*open ", "_open ", "`open ", "[open ", "(open ", "<open ", "[a](open", "http://open", ":o"]
)
@pytest.mark.parametrize("filler", ["word ", "wordwithoutend"])
def test_an_open_construct_is_never_held_beyond_its_bound(opening, filler):
    speakable = Speakable()
    spoken = speakable.feed("Start " + opening).text
    for _ in range((PHRASE_CHARS + LINK_CHARS) // len(filler) + 2):
        spoken += speakable.feed(filler).text
    assert "word" in spoken


@pytest.mark.parametrize(
    "opening", ["*open", "_open", "`open", "[open", "(open", "<open", "[a](open", ":open"]
)
def test_an_open_construct_is_released_at_the_end_of_its_line(opening):
    speakable = Speakable()
    speakable.feed(opening)
    assert speakable.feed(" line\nnext").text.endswith("line\nnext")


def test_an_unfinished_construct_is_plain_text_at_the_end_of_the_reply():
    assert filtered(["Hello *wav"]).text == "Hello wav"
    assert filtered(["Hello <thi"]).text == "Hello thi"
    assert filtered(["Hello [the do"]).text == "Hello the do"


@pytest.mark.parametrize(
    "mark", ["*", "_", "`", "~", "|", "-", "=", "(", "[", "<", "| ", "#", ".", "!", "\n", " "]
)
def test_endless_marks_need_no_memory(mark):
    speakable = Speakable()
    for _ in range(3_000):
        speakable.feed(mark)
    assert len(speakable._held) <= LINK_CHARS


def test_an_endless_thought_needs_no_memory():
    speakable = Speakable()
    speakable.feed("<think>")
    for _ in range(1_000):
        assert speakable.feed("x" * 100).text == ""
    assert len(speakable._held) < 100
    assert speakable.feed("</think>Hello").text == "Hello"
