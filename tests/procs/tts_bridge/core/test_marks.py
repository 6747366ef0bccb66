import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec
from bus.messages import Mark
from bus.topics import CONTROL_LIMIT_BYTES
from procs.tts_bridge.core.chunk import Chunk, Encoding, WordMark
from procs.tts_bridge.core.marks import MARKS_LIMIT, Marks, SpeakingRate
from procs.tts_bridge.core.sentences import Piece

pytestmark = pytest.mark.unit


def piece(index: int, text: str, first_offset: int = 0) -> Piece:
    return Piece(index, text, tuple(range(first_offset, first_offset + len(text))), ends_sentence=True)


def chunk(index: int, *marks: tuple[int, int]) -> Chunk:
    return Chunk(index, b"", 32_000, Encoding.F32LE, tuple(WordMark(*mark) for mark in marks))


def spoken(marks: Marks, whole: Chunk, start_ms: int, end_ms: int) -> None:
    marks.sound(whole, start_ms)
    marks.end(whole.piece, end_ms)


def heard(text: str, marks: tuple[Mark, ...], played_ms: int) -> str:
    """What the reader of the level takes as heard."""
    return "".join(text[m.first_char : m.end_char] + " " for m in marks if m.start_ms < played_ms).strip()


def test_the_voices_own_marks_count():
    marks = Marks(SpeakingRate())
    marks.text(piece(0, "Hello dear world.", first_offset=10))
    spoken(marks, chunk(0, (0, 0), (6, 16_000), (11, 32_000)), 100, 2_000)
    assert marks.state(7, 2_000, complete=True).marks == (
        Mark(100, 10, 15),
        Mark(600, 16, 20),
        Mark(1_100, 21, 27),
    )


def test_offsets_lead_back_into_the_raw_reply():
    marks = Marks(SpeakingRate())
    marks.text(Piece(0, "so bold.", (0, 1, 2, 5, 6, 7, 8, 11), ends_sentence=True))
    spoken(marks, chunk(0, (0, 0), (3, 3_200)), 0, 400)
    assert [(m.first_char, m.end_char) for m in marks.state(7, 400, complete=True).marks] == [(0, 2), (5, 12)]


def test_without_marks_words_are_spread_by_their_length():
    marks = Marks(SpeakingRate())
    marks.text(piece(0, "aaaa bbbb cccc dddd "))
    spoken(marks, chunk(0), 0, 2_000)
    assert [m.start_ms for m in marks.state(7, 2_000, complete=True).marks] == [0, 500, 1_000, 1_500]


def test_words_not_made_yet_are_not_marked():
    marks = Marks(SpeakingRate())
    marks.text(piece(0, "one two three four five six seven eight nine ten"))
    marks.sound(chunk(0), 0)
    state = marks.state(7, 700, complete=False)
    assert heard("one two three", state.marks, 700).startswith("one two")
    assert all(mark.start_ms < 700 for mark in state.marks)


def test_the_speaking_rate_is_learned_for_pieces_that_are_still_open():
    rate = SpeakingRate()
    for _ in range(20):
        marks = Marks(rate)
        marks.text(piece(0, "x" * 200))
        spoken(marks, chunk(0), 0, 200 * 100)
    assert rate.ms_per_char == pytest.approx(100, abs=1)


def test_text_that_comes_in_parts_is_one_piece():
    marks = Marks(SpeakingRate())
    for at, part in ((0, "Hel"), (3, "lo wor"), (9, "ld")):
        marks.text(piece(0, part, first_offset=at))
    spoken(marks, chunk(0), 0, 1_100)
    state = marks.state(7, 1_100, complete=True)
    assert [(m.first_char, m.end_char) for m in state.marks] == [(0, 5), (6, 11)]


def test_scripts_without_spaces_are_marked_by_character():
    marks = Marks(SpeakingRate())
    marks.text(piece(0, "こんにちは"))
    spoken(marks, chunk(0), 0, 500)
    assert [m.start_ms for m in marks.state(7, 500, complete=True).marks] == [0, 100, 200, 300, 400]


@given(st.lists(st.tuples(st.integers(-5, 50), st.integers(0, 200_000)), max_size=20))
def test_marks_stay_in_order_whatever_the_voice_says(pairs):
    marks = Marks(SpeakingRate())
    text = "a few words to be marked, one by one"
    marks.text(piece(0, text))
    marks.sound(chunk(0, *pairs), 0)
    state = marks.state(7, 8_000, complete=False)
    chars = [m.first_char for m in state.marks]
    assert chars == sorted(chars)
    assert [m.start_ms for m in state.marks] == sorted(m.start_ms for m in state.marks)
    assert all(0 <= m.first_char < m.end_char <= len(text) for m in state.marks)


def test_a_long_reply_stays_within_a_message():
    marks, at = Marks(SpeakingRate()), 0
    for index in range(160):
        marks.text(piece(index, "ten words of " * 7 + "nothing.", first_offset=at))
        at += 100
        spoken(marks, chunk(index), index * 6_000, index * 6_000 + 6_000)
    state = marks.state(7, 960_000, complete=True)
    assert len(state.marks) == MARKS_LIMIT
    assert (state.marks[0].start_ms, state.marks[0].first_char) == (0, 0)
    assert state.marks[-1].end_char == at - 1
    assert len(codec.encode(state)) < CONTROL_LIMIT_BYTES
