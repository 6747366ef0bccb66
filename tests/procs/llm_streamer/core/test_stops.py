import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.llm_streamer.core.stops import StopFilter

pytestmark = pytest.mark.unit

SEED_STOPS = ("\n\n", "User:", "Assistant:")


def run(stops: tuple[str, ...], pieces: list[str]) -> tuple[list[str], bool]:
    """Pieces given, the last one at the end of the text; and whether a stop string was met."""
    stop_filter = StopFilter(stops)
    given_pieces = [stop_filter.feed(piece) for piece in pieces]
    return [*given_pieces, stop_filter.finish()], stop_filter.stopped


def test_text_without_a_stop_passes_unchanged_and_at_once():
    assert run(SEED_STOPS, ["Hello", " there", "."]) == (["Hello", " there", ".", ""], False)


def test_a_stop_across_pieces_ends_the_text():
    assert run(SEED_STOPS, ["Yes.", " Us", "er", ": and", " you?"]) == (["Yes.", " ", "", "", "", ""], True)


def test_only_what_may_become_a_stop_is_held_back():
    assert run(SEED_STOPS, ["a\n", "b U", "sual", "\n"]) == (["a", "\nb ", "Usual", "", "\n"], False)


def test_the_earliest_stop_counts():
    assert run(SEED_STOPS, ["a Assistant: b\n\nUser:"]) == (["a ", ""], True)


def test_empty_stops_are_no_stops():
    assert run(("",), ["a", "b"]) == (["a", "b", ""], False)


ALPHABET = "abU:\n"


@given(
    st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=3).map(tuple),
    st.lists(st.text(ALPHABET, max_size=5), max_size=8),
)
def test_whatever_the_pieces_the_text_ends_at_the_first_stop(stops, pieces):
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    given_pieces, stopped = run(stops, pieces)
    assert stopped == bool(ends)
    if stopped:
        # Of overlapping stops the one that ends first may be met before the one that begins first.
        assert min(ends) <= len("".join(given_pieces)) <= max(ends)
        assert text.startswith("".join(given_pieces))
        assert not any(stop in "".join(given_pieces) for stop in stops)
    else:
        assert "".join(given_pieces) == text
