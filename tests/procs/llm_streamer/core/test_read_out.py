import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.llm_streamer.core.read_out import READ_OUT_CHARS, read_out

pytestmark = pytest.mark.unit


def test_a_text_is_read_out_word_by_word():
    found = list(read_out("  Hello there.\nBye. "))
    assert [token.text for token in found] == ["  Hello ", "there.\n", "Bye. ", ""]
    assert [token.index for token in found] == [0, 1, 2, 3]
    assert [token.final for token in found] == [False, False, False, True]
    assert found[-1].finish_reason == "stop"


def test_a_text_beyond_all_bounds_is_cut():
    found = list(read_out("word " * 4000))
    assert sum(len(token.text) for token in found) == READ_OUT_CHARS
    assert found[-1].finish_reason == "length"


@given(st.text(min_size=1, max_size=100))
def test_nothing_of_a_text_is_lost(text):
    assert "".join(token.text for token in read_out(text)) == text
