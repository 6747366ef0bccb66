import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import ChatMessage, Prompt
from procs.llm_streamer.core.prompts import READ_OUT_CHARS, Sampling, completed, read_out

pytestmark = pytest.mark.unit

HELLO = (ChatMessage("user", "hello"),)
SAMPLING = Sampling(max_tokens=300, temperature=0.2, stop=("User:",))


def test_what_a_prompt_leaves_open_the_operator_decides():
    assert completed(Prompt(HELLO), SAMPLING) == Prompt(
        HELLO, max_tokens=300, temperature=0.2, stop=("User:",)
    )


def test_what_a_prompt_chooses_counts():
    prompt = Prompt(HELLO, max_tokens=20, temperature=1.5, stop=("!",))
    assert completed(prompt, SAMPLING) == prompt


def test_no_prompt_is_longer_than_the_operator_allows():
    assert completed(Prompt(HELLO, max_tokens=4000), SAMPLING).max_tokens == 300


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
