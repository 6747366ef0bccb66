import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Mark
from cli.heard import Transcript, heard_chars

pytestmark = pytest.mark.unit

MARKS = (Mark(0, 0, 5), Mark(400, 6, 11), Mark(900, 12, 16))


@pytest.mark.parametrize(("played_ms", "chars"), [(0, 5), (399, 5), (400, 11), (899, 11), (5_000, 16)])
def test_a_word_was_heard_once_it_began_to_sound(played_ms: int, chars: int) -> None:
    assert heard_chars(MARKS, played_ms) == chars


def test_without_marks_nothing_is_known_to_be_heard() -> None:
    assert heard_chars((), 10_000) == 0


@given(st.text(max_size=60), st.lists(st.integers(0, 80), max_size=30))
def test_a_transcript_gives_each_character_once_and_in_order(text: str, ends: list[int]) -> None:
    transcript = Transcript()
    shown = "".join(transcript.upto(text, end) for end in ends)
    assert shown == text[: max(ends, default=0)]
    assert shown + transcript.upto(text, len(text)) == text
