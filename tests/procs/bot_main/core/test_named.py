"""Channels and roles by mention, name or id: what is meant is found, what is not is never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.named import Unclear, one, several

pytestmark = pytest.mark.unit

ROOMS = {20: "Lounge", 21: "Gaming Room", 22: "#odd", 23: "24"}
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("text", ["Lounge", "#lounge", "<#20>", "20", " LOUNGE "])
def test_one_thing_has_many_spellings(text: str):
    assert one(text, ROOMS, "#") == 20


def test_an_id_comes_before_a_name_that_looks_like_one():
    assert one("24", ROOMS, "#") == 23
    assert one("24", {**ROOMS, 24: "other"}, "#") == 24


def test_several_are_parted_by_commas_or_spaces():
    assert several("lounge <#21>, gaming room,odd", ROOMS, "#") == (20, 21, 22)
    assert several("", ROOMS, "#") == ()


@given(WORDS, st.dictionaries(st.integers(1, 9), WORDS, max_size=5))
def test_whatever_is_written_names_one_of_those_there_are_or_is_refused_with_a_short_answer(text, names):
    try:
        found, said = one(text, names, "#"), ""
    except Unclear as unclear:
        found, said = 0, str(unclear)
    assert found in names or 0 < len(said) < 300


@given(st.dictionaries(st.integers(1, 9), WORDS, max_size=5))
def test_every_id_names_its_own(names):
    assert all(one(f"<#{id_}>", names, "#") == one(str(id_), names, "#") == id_ for id_ in names)
