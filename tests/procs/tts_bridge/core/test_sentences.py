from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procs.tts_bridge.core.sentences import (
    CLAUSE_CHARS,
    FIRST_CHARS,
    FIRST_WORDS,
    LONGEST_CHARS,
    MAX_WAIT_MS,
    Piece,
    Sentences,
)
from procs.tts_bridge.core.speakable import Speakable, Spoken
from tests.procs.tts_bridge.core.corpus.replies import reply
from tests.procs.tts_bridge.core.corpus.tokens import random_parts, tokens

pytestmark = pytest.mark.unit

CASES = Path(__file__).parent / "corpus" / "sentence_cases"
LANGUAGES = sorted(path.stem for path in CASES.glob("*.txt"))
"""One file a language, one case a line; `|` stands where a sentence ends, `\\n` for a line feed."""


def spoken(text: str, first_offset: int = 0) -> Spoken:
    return Spoken(text, tuple(range(first_offset, first_offset + len(text))))


def pieces_of(parts: list[str]) -> list[Piece]:
    """The pieces of speakable text that is fed in parts."""
    sentences, offset, pieces = Sentences(), 0, []
    for part in parts:
        pieces += sentences.feed(spoken(part, offset), now_ms=0)
        offset += len(part)
    return pieces + sentences.finish()


def texts_of(parts: list[str]) -> list[str]:
    return [piece.text for piece in pieces_of(parts)]


def voiced(parts: list[str]) -> list[Piece]:
    """The pieces of a raw reply on its whole way, through the filter and the splitter."""
    speakable, sentences, pieces = Speakable(), Sentences(), []
    for part in parts:
        pieces += sentences.feed(speakable.feed(part), now_ms=0)
    pieces += sentences.feed(speakable.finish(), now_ms=0)
    return pieces + sentences.finish()


# The corpus


def expected_starts(line: str) -> tuple[str, list[int]]:
    """The raw text of a case and the offset of the first letter of each of its sentences."""
    raw, starts = "", []
    for part in line.replace("\\n", "\n").split("|"):
        starts.append(len(raw) + next(i for i, char in enumerate(part) if char.isalnum()))
        raw += part
    return raw, starts


def found_starts(pieces: list[Piece]) -> list[int]:
    first = [
        next(offset for char, offset in zip(piece.text, piece.offsets, strict=True) if char.isalnum())
        for piece in pieces
    ]
    begins = [True, *(piece.ends_sentence for piece in pieces)]
    return [offset for offset, is_first in zip(first, begins, strict=False) if is_first]


def wrong_cases(language: str, cut) -> list[str]:
    lines = (CASES / f"{language}.txt").read_text().splitlines()
    wrong = []
    for line in lines:
        raw, starts = expected_starts(line)
        pieces = voiced(cut(raw))
        if found_starts(pieces) != starts:
            wrong.append(f"{language}: {line} -> {[piece.text for piece in pieces]}")
    return wrong


@pytest.mark.parametrize("cut", [lambda text: [text], tokens], ids=["at once", "in tokens"])
def test_sentences_of_thirty_languages_are_found(cut):
    n_cases = {name: len((CASES / f"{name}.txt").read_text().splitlines()) for name in LANGUAGES}
    wrong = {name: wrong_cases(name, cut) for name in LANGUAGES}
    print(*(line for lines in wrong.values() for line in lines), sep="\n")
    assert len(LANGUAGES) == 30
    assert sum(n_cases.values()) >= 1_000
    assert sum(map(len, wrong.values())) <= 0.02 * sum(n_cases.values())
    assert {name for name in LANGUAGES if len(wrong[name]) > 0.1 * n_cases[name]} == set()


@pytest.mark.parametrize(
    "sentences",
    [
        ["Բարև։", "Ինչպե՞ս ես։"],
        ["ሰላም ነው።", "እንዴት ነህ።"],
        ["မင်္ဂလာပါ။", "နေကောင်းလား။"],
        ["សួស្តី។", "សុខសប្បាយទេ។"],
        ["བཀྲ་ཤིས་བདེ་ལེགས།", "ཁྱེད་རང་སྐུ་གཟུགས།"],
        ["ສະບາຍດີຕອນເຊົ້າ", "ເຈົ້າສະບາຍດີບໍ່"],
        ["मी ठीक आहे।", "तू कसा आहेस॥"],
    ],
)
def test_end_marks_of_further_scripts(sentences):
    assert texts_of([" ".join(sentences)]) == sentences
    assert texts_of(tokens(" ".join(sentences))) == sentences


# Not waiting


def fed(*parts: str) -> list[str]:
    """What the last part completes."""
    sentences = Sentences()
    for part in parts[:-1]:
        sentences.feed(spoken(part), now_ms=0)
    return [piece.text for piece in sentences.feed(spoken(parts[-1]), now_ms=0)]


@pytest.mark.parametrize(
    "opener", ["Yes.", "No.", "Hi!", "Hm.", "What?", "Okay.", "Ja.", "はい。", "네.", "好的。", "हाँ।"]
)
def test_a_short_opener_goes_with_its_own_token(opener):
    assert fed(opener[:-1], opener[-1]) == [opener]


@pytest.mark.parametrize("mark", [".", "!", "?", "。", "\n"])
def test_a_sentence_goes_with_the_token_that_ends_it(mark):
    assert fed("I think that is right", mark) == [("I think that is right" + mark).strip()]


@pytest.mark.parametrize(
    ("before", "after", "done"),
    [
        ("It was Dr.", " Who", []),
        ("It costs 3.", "50 now", []),
        ("We had tea etc.", " Then", ["We had tea etc."]),
        ("That was in 1999.", " Then we", ["That was in 1999."]),
        ('He said "no."', " Then", ['He said "no."']),
        ('"Really?"', " she asked", []),
        ("Well...", " I", []),
        ("Read J.", " R. R.", []),
    ],
)
def test_what_could_go_on_waits_for_the_next_token_only(before, after, done):
    sentences = Sentences()
    assert sentences.feed(spoken(before), now_ms=0) == []
    pieces = sentences.feed(spoken(after, len(before)), now_ms=0)
    pieces += sentences.feed(spoken(" x", 99), now_ms=0)
    assert [piece.text for piece in pieces] == done


# The first piece


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Well, that is a long story to tell, my friend.", "Well, that is a long story to tell,"),
        ("That is good, really.", "That is good,"),
        ("Hi, you.", "Hi, you."),
        ("My answer: we go there together.", "My answer:"),
        ("今天的天气真的很好，我们去公园吧。", "今天的天气真的很好，"),
        ("Give me 1,000,000 euros, please.", "Give me 1,000,000 euros,"),
    ],
)
def test_the_first_piece_is_the_first_clause_that_can_stand(text, first):
    assert texts_of([text])[0] == first
    assert texts_of(tokens(text))[0] == first
    assert sum(char.isalnum() for char in first) >= CLAUSE_CHARS or first == text


def test_a_clause_goes_with_the_token_that_ends_it():
    assert fed("That is really good", ",") == ["That is really good,"]


def test_later_pieces_are_whole_sentences():
    text = "Hello my dear, how are you? I was at the sea, it was warm, and I sang. Good."
    assert texts_of([text]) == [
        "Hello my dear,",
        "how are you?",
        "I was at the sea, it was warm, and I sang.",
        "Good.",
    ]
    assert [piece.ends_sentence for piece in pieces_of([text])] == [False, True, True, True]


WORDS = st.text("abcdeéÄжд", min_size=1, max_size=14)
PROSE = st.lists(
    WORDS | WORDS.map(lambda w: w + ",") | WORDS.map(lambda w: w + "."), min_size=1, max_size=80
).map(" ".join)


@given(PROSE)
@settings(max_examples=200, deadline=None)
def test_the_first_piece_is_short_and_no_piece_is_cut_inside_a_word(text):
    pieces = pieces_of([text])
    if pieces:
        assert len(pieces[0].text) <= FIRST_CHARS
        assert len(pieces[0].text.split()) <= FIRST_WORDS
    assert all(len(piece.text) <= LONGEST_CHARS for piece in pieces)
    borders = {piece.offsets[0] for piece in pieces} | {piece.offsets[-1] + 1 for piece in pieces}
    inside = [i for i in borders if 0 < i < len(text) and text[i - 1].isalnum() and text[i].isalnum()]
    assert inside == []


def test_a_long_opening_is_divided_before_a_conjunction():
    text = "I think that we should go to the big park because it is nice today"
    assert texts_of([text]) == ["I think that we should go to the big park", "because it is nice today"]


@pytest.mark.parametrize("letter", ["語", "ก", "က"])
def test_scripts_without_blanks_are_divided_too(letter):
    lengths = [len(piece) for piece in texts_of([letter * 500])]
    assert sum(lengths) == 500
    assert lengths[0] <= FIRST_CHARS
    assert max(lengths) <= LONGEST_CHARS


def test_a_line_end_right_at_the_limit_ends_the_first_piece():
    line = "abcde " * 9 + "abcdef"
    assert len(line) == FIRST_CHARS
    assert fed(line + "\n") == [line]


def test_a_single_endless_word_is_cut_at_the_limit():
    assert len(texts_of(["x" * 500])[0]) == FIRST_CHARS


# Waiting too long


def test_text_that_waits_too_long_is_released_up_to_a_word():
    sentences = Sentences()
    assert sentences.next_deadline_ms is None
    sentences.feed(spoken("I was about to sa"), now_ms=100)
    assert sentences.next_deadline_ms == 100 + MAX_WAIT_MS
    assert sentences.poll(99 + MAX_WAIT_MS) == []
    (piece,) = sentences.poll(100 + MAX_WAIT_MS)
    assert (piece.text, piece.ends_sentence) == ("I was about to", False)
    assert sentences.next_deadline_ms is None
    assert [piece.text for piece in sentences.feed(spoken("y yes.", 17), now_ms=5_000)] == ["say yes."]


def test_a_waiting_clause_is_released_rather_than_half_of_the_next():
    sentences = Sentences()
    sentences.feed(spoken("Yes. We sang and danced, and then we"), now_ms=0)
    assert [piece.text for piece in sentences.poll(MAX_WAIT_MS)] == ["We sang and danced,"]


def test_a_waiting_abbreviation_ends_the_sentence():
    sentences = Sentences()
    assert sentences.feed(spoken("We had tea etc."), now_ms=0) == []
    (piece,) = sentences.poll(MAX_WAIT_MS)
    assert (piece.text, piece.ends_sentence) == ("We had tea etc.", True)


def test_a_single_unfinished_word_is_not_torn():
    sentences = Sentences()
    sentences.feed(spoken("Hel"), now_ms=0)
    assert sentences.next_deadline_ms is None
    assert sentences.poll(60_000) == []
    assert [piece.text for piece in sentences.feed(spoken("lo!", 3), now_ms=60_000)] == ["Hello!"]


# Laws

MIXED = st.lists(
    st.sampled_from(
        [
            *"ab I\n.,!?;:\"')(…。、你は—",
            "Dr",
            "etc",
            "z. B",
            "U.S",
            "3",
            "14",
            " The",
            " mai",
            "ก ข",
            "word ",
        ]
    ),
    max_size=60,
).map("".join)


@given(MIXED, st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_pieces_are_slices_of_the_text_and_nothing_that_sounds_is_lost(text, rng):
    for parts in ([text], list(text), random_parts(text, rng, 4)):
        pieces = pieces_of(parts)
        assert [piece.index for piece in pieces] == list(range(len(pieces)))
        assert all(piece.text == piece.text.strip() for piece in pieces)
        assert all("".join(text[o] for o in piece.offsets) == piece.text for piece in pieces)
        offsets = [offset for piece in pieces for offset in piece.offsets]
        assert offsets == sorted(set(offsets))
        assert [o for o, char in enumerate(text) if char.isalnum()] == [
            o for o in offsets if text[o].isalnum()
        ]


MARKS = set(" \n.,!?;:\"')(…。、—")


@given(MIXED, st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_pieces_depend_on_how_the_text_was_cut_only_behind_marks(text, rng):
    parts = random_parts(text, rng, 6)
    ends, total = [], 0
    for part in parts:
        total += len(part)
        ends.append(total)
    safe = [end for end in ends if end == len(text) or (end and text[end - 1] not in MARKS)]
    joined = [text[a:b] for a, b in zip([0, *safe], safe, strict=False)]
    assert pieces_of(joined) == pieces_of([text])


def test_a_cut_behind_a_mark_is_judged_as_if_a_new_sentence_followed():
    assert texts_of(["See example.com now."]) == ["See example.com now."]
    assert texts_of(["See example.", "com now."]) == ["See example.", "com now."]
    assert texts_of(["Really?!"]) == ["Really?!"]
    assert texts_of(["Really?", "! Yes."]) == ["Really?", "Yes."]


def test_replies_in_tokens_give_the_pieces_of_the_whole():
    n_equal = sum(
        [piece.text for piece in voiced(tokens(reply(seed).raw))]
        == [piece.text for piece in voiced([reply(seed).raw])]
        for seed in range(500)
    )
    assert n_equal >= 475


def test_no_piece_is_without_something_to_say():
    for seed in range(200):
        assert all(any(c.isalnum() for c in piece.text) for piece in voiced(tokens(reply(seed).raw)))
    assert texts_of(["... !!! \n\n ?"]) == []
    assert texts_of([""]) == []


def test_random_cuts_of_the_corpus_lose_nothing():
    rng = Random(39)
    for language in LANGUAGES:
        for line in (CASES / f"{language}.txt").read_text().splitlines():
            raw = expected_starts(line)[0]
            heard = [c for piece in voiced(random_parts(raw, rng, 5)) for c in piece.text if c.isalnum()]
            assert heard == [c for c in raw if c.isalnum()]
