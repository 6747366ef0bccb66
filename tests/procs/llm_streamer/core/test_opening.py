import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.llm_streamer.core.opening import Opening

pytestmark = pytest.mark.unit


def run(*pieces: str) -> list[str]:
    opening = Opening()
    return [*(opening.feed(piece) for piece in pieces), opening.finish()]


def test_white_space_before_the_first_word_is_dropped():
    assert run("\n\n", " Hello", " there\n") == ["", "Hello", " there\n", ""]


def test_a_block_of_thoughts_is_dropped():
    assert run("<think>", "hm\n\n", "so</think>\n\n", "Yes.") == ["", "", "", "Yes.", ""]
    assert run("<thinking>a</think></thinking>b") == ["b", ""]


def test_the_first_word_is_not_held_back():
    assert run("Hi") == ["Hi", ""]
    assert run("<b>") == ["<b>", ""]


def test_what_only_looked_like_a_mark_is_spoken():
    assert run("<thi", "s is") == ["", "<this is", ""]
    assert run("<thi") == ["", "<thi"]


def test_thoughts_without_end_are_never_spoken():
    assert run("<think>", "a", "b") == ["", "", "", ""]


def test_marks_in_the_middle_of_a_reply_are_text():
    assert run("a <think>b</think>") == ["a <think>b</think>", ""]


@given(st.lists(st.text("<think>/ab ", max_size=6), max_size=10), st.data())
def test_chunking_does_not_matter(pieces, data):
    whole = "".join(pieces)
    cut = data.draw(st.integers(0, len(whole)))
    assert "".join(run(*pieces)) == "".join(run(whole)) == "".join(run(whole[:cut], whole[cut:]))


@given(st.text("a</think> ", max_size=40), st.text("ab ", max_size=10))
def test_nothing_of_the_thoughts_is_spoken(thoughts, words):
    thoughts = thoughts.replace("</think>", "")
    assert "".join(run("<think>", *thoughts, "</think>", *words)) == words.lstrip()
