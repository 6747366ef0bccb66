import pytest

from procs.sink.core.departures import Departures

pytestmark = pytest.mark.unit


def test_a_frame_has_left_unless_its_sink_says_otherwise_before_the_next_one():
    told = Departures()
    told.give_sound()
    assert told.sent == 0, "its sink has not spoken yet"
    told.give_sound()
    told.missed()
    told.give_silence()
    told.settle()
    assert (told.sent, told.nulled) == (1, 1)


def test_a_word_that_comes_too_late_takes_nothing_back():
    told = Departures()
    told.give_sound()
    told.settle()
    told.missed()
    told.settle()
    assert told.sent == 1
