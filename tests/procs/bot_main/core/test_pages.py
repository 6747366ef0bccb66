"""Long text in pages: nothing is lost, nothing is broken, code stays code."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.pages import PAGE_UNITS, cut, split, units

pytestmark = pytest.mark.unit
PIECES = st.sampled_from(
    ["word ", "Sentence one. ", "line\n", "```py\n", "```", "\n", "`x`", "<:smile:123456789012345678>", "😀",
     "<@123456789012345678>", "。", "x" * 70, "https://example.org/a?b=c ", "  indented\n", "\ud83d\ude00",
     "<t:1700000000:R>", "``", "<a:wave:1234567890123456789>"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=120).map("".join)
MARK = re.compile(r"<(?:a?:\w+:\d+|@\d+|t:\d+:\w)>")


@given(TEXTS, st.integers(200, 400))
def test_the_bodies_in_a_row_are_the_text_and_each_page_fits(text: str, limit: int) -> None:
    pages = cut(text, limit)
    assert "".join(page.body for page in pages) == text
    assert all(units(page.text) <= limit for page in pages)


@given(TEXTS, st.integers(200, 400))
def test_no_mark_emoji_or_character_is_cut(text: str, limit: int) -> None:
    pages = cut(text, limit)
    assert [mark for page in pages for mark in MARK.findall(page.body)] == MARK.findall(text)
    assert not [page for page in pages if "\ud800" <= page.body[-1] <= "\udbff"]


@given(TEXTS.filter(lambda text: "``" not in text.replace("```", "")), st.integers(200, 400))
def test_every_page_closes_the_code_it_opens(text: str, limit: int) -> None:
    pages = cut(text, limit)
    assert all(page.text.count("```") % 2 == 0 for page in pages)


def test_code_goes_on_in_its_language() -> None:
    text = "Look:\n```python\n" + "print('hello')\n" * 300 + "```\nThat was it."
    first, *_, last = split(text)
    assert first.endswith("print('hello')\n```")
    assert last.startswith("```python\nprint('hello')\n")
    assert last.endswith("```\nThat was it.")


def test_it_is_cut_behind_lines_then_sentences_then_words() -> None:
    assert split("a" * 150 + "\n" + "b. " * 40, 200)[0] == "a" * 150 + "\n"
    assert split("First is this. " * 12 + "and so on " * 9, 200)[0].endswith("this. ")
    assert split("word " * 60, 200)[0].endswith("word ")
    assert [len(page) for page in split("x" * 400, 200)] == [196, 196, 8]


def test_emoji_count_double_as_clients_count_them() -> None:
    assert [units(page) <= PAGE_UNITS for page in split("😀" * 3_000)] == [True] * 4


def test_pages_that_would_show_nothing_are_left_out() -> None:
    assert split("") == split("\n" * 5_000) == []
    assert split("short") == ["short"]
