import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_bridge.core.segments import SETTLED_S, Outcome, Segments, tokens_of

pytestmark = pytest.mark.unit

QUIET_S, STALL_S = 2.5, 5.0
SECOND_BYTES = 4 * 48_000


def segments(*texts: str, flushed: bool = True) -> Segments:
    mirror = Segments(QUIET_S, STALL_S)
    for text in texts:
        for token in tokens_of(text):
            mirror.sent(token)
    if flushed:
        mirror.flushed()
    return mirror


@given(st.text(alphabet="ab ,.!?。、", max_size=60))
def test_text_goes_out_whole_with_triggers_at_the_ends_of_tokens(text):
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert not any(char in ",.!?。、" for token in tokens for char in token.rstrip(",.!?。、"))


def test_text_on_its_way_may_take_for_ever():
    assert segments("Hello", flushed=False).patience() == (None, Outcome.END)


def test_sound_that_is_due_may_not():
    mirror = segments("Hello. And", flushed=False)
    assert mirror.patience() == (STALL_S, Outcome.STALLED)
    mirror.heard(SECOND_BYTES)
    assert mirror.patience() == (None, Outcome.END)


def test_a_turn_is_over_soon_after_its_last_segment_was_answered():
    mirror = segments("Hello. How are", " you? Fine")
    for _ in range(2):
        mirror.heard(SECOND_BYTES)
        assert mirror.patience() == (QUIET_S, Outcome.END)
    mirror.heard(SECOND_BYTES)
    assert mirror.patience() == (SETTLED_S, Outcome.END)


def test_a_server_that_sends_small_parts_is_waited_for_longer():
    mirror = segments("Hello. How are you?")
    for _ in range(60):
        mirror.heard(3840)
    assert mirror.patience() == (QUIET_S, Outcome.END)


def test_too_little_sound_for_the_text_is_a_failure():
    mirror = segments("A sentence of some length. And another one that never comes.")
    mirror.heard(3840)
    assert mirror.patience() == (STALL_S, Outcome.STALLED)


def test_a_long_buffer_is_spoken_without_a_trigger():
    assert segments("word " * 41, flushed=False).patience() == (STALL_S, Outcome.STALLED)


def test_a_run_of_dots_is_one_segment():
    mirror = segments("Well... yes.")
    mirror.heard(SECOND_BYTES)
    mirror.heard(SECOND_BYTES)
    assert mirror.patience() == (SETTLED_S, Outcome.END)


def test_nobody_knows_whether_a_lone_dot_is_answered():
    mirror = segments("Hello.", ".")
    mirror.heard(SECOND_BYTES)
    assert mirror.patience() == (QUIET_S, Outcome.END)


def test_a_turn_without_words_is_over_at_once():
    assert segments(" ").patience() == (0, Outcome.END)


def test_blobs_of_a_single_byte_add_up():
    mirror = segments("Hi")
    for _ in range(4 * 48 * 40):
        mirror.heard(1)
    assert mirror.patience() == (QUIET_S, Outcome.END)
