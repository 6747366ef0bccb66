"""What counts as heard: never more than was played, always from the beginning, to the end of a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Mark, SpokenState
from procs.bot_main.core.heard import heard_text

pytestmark = pytest.mark.unit

TEXT = "Hello there! I am Miku."
WORDS = SpokenState(
    turn=1,
    duration_ms=2_000,
    complete=True,
    marks=(
        Mark(0, 0, 5),
        Mark(400, 6, 12),
        Mark(1_000, 13, 14),
        Mark(1_200, 15, 17),
        Mark(1_400, 18, 23),
    ),
)


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [
        (0, ""),
        (1, "Hello"),
        (400, "Hello"),
        (401, "Hello there!"),
        (1_000, "Hello there!"),
        (1_300, "Hello there! I am"),
        (1_999, "Hello there! I am Miku."),
        (1_201, "Hello there! I am"),
        (2_000, TEXT),
    ],
)
def test_a_word_is_heard_once_it_has_begun(played_ms: int, heard: str):
    assert heard_text(TEXT, WORDS, played_ms) == heard


def test_of_a_piece_without_marks_of_words_only_the_played_share_is_heard():
    text = "one two three four five six seven eight nine ten"
    piece = SpokenState(turn=1, duration_ms=4_800, complete=True, marks=(Mark(0, 0, len(text)),))
    assert heard_text(text, piece, 1_400) == "one two three"
    assert heard_text(text, piece, 20) == "one"


def test_of_a_piece_that_is_still_being_made_less_is_claimed_than_was_made():
    text = "x" * 10 + " " + "y" * 89
    growing = SpokenState(turn=1, duration_ms=200, complete=False, marks=(Mark(0, 0, 100),))
    assert heard_text(text, growing, 200) == "x" * 10


def test_scripts_without_spaces_are_cut_between_characters():
    text = "こんにちは、ミクです。"
    piece = SpokenState(turn=1, duration_ms=1_100, complete=True, marks=(Mark(0, 0, len(text)),))
    assert heard_text(text, piece, 500) == text[:5]


def test_what_was_never_made_to_sound_was_not_heard():
    assert heard_text(TEXT, None, 5_000) == ""
    assert heard_text(TEXT, SpokenState(turn=1, duration_ms=0, complete=False), 5_000) == ""


def test_marks_beyond_a_text_that_came_later_do_no_harm():
    assert heard_text("Hel", WORDS, 1_999) == "Hel"


@st.composite
def replies(draw: st.DrawFn) -> tuple[str, SpokenState]:
    text = draw(st.text(st.sampled_from("ab é'-,. 音!"), min_size=1, max_size=80))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=12)))
    starts = sorted(draw(st.lists(st.integers(0, 5_000), min_size=len(cuts) - 1, max_size=len(cuts) - 1)))
    marks = tuple(Mark(ms, a, b) for ms, a, b in zip(starts, cuts[:-1], cuts[1:], strict=True))
    duration_ms = marks[-1].start_ms + draw(st.integers(0, 2_000))
    return text, SpokenState(1, duration_ms, draw(st.booleans()), marks)


@given(replies(), st.integers(0, 8_000))
def test_never_more_is_heard_than_was_played(reply: tuple[str, SpokenState], played_ms: int):
    text, spoken = reply
    heard = heard_text(text, spoken, played_ms)
    assert text.startswith(heard)
    if played_ms < spoken.duration_ms or not spoken.complete:
        begun = [mark.end_char for mark in spoken.marks if mark.start_ms < played_ms]
        assert len(heard) <= max(begun, default=0)


@given(replies(), st.integers(0, 8_000), st.integers(0, 1_000))
def test_what_was_heard_stays_heard(reply: tuple[str, SpokenState], played_ms: int, more_ms: int):
    text, spoken = reply
    assert heard_text(text, spoken, played_ms + more_ms).startswith(heard_text(text, spoken, played_ms))


def test_of_a_reply_that_was_too_long_the_spoken_part_was_heard():
    shortened = SpokenState(1, 400, complete=True, marks=(Mark(0, 0, 4),), is_shortened=True)
    assert heard_text("One. Two.", shortened, 400) == "One."
