import argparse

import pytest

from bus.sniffer.arguments import UsageError, is_meant, nearest, positive, require_topic, seconds, speed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"), [("500ms", 0.5), ("10s", 10), ("2m", 120), ("1h", 3600), ("3", 3), ("0.5s", 0.5)]
)
def test_durations(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "-1s", "10 s", "1e3", "10d", "nan", "1s2"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="10s"):
        seconds(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "²"])
def test_a_count_is_a_whole_number_from_one_on(text):
    with pytest.raises(argparse.ArgumentTypeError):
        positive(text)
    assert positive("12") == 12


@pytest.mark.parametrize("text", ["0", "nan", "-2", "fast", "101"])
def test_a_pace_lies_between_a_tenth_and_a_hundred(text):
    with pytest.raises(argparse.ArgumentTypeError):
        speed(text)
    assert speed("0.5") == 0.5


def test_a_mistyped_topic_is_met_with_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean 'flow\.token'\?"):
        require_topic("flow.tokn")


def test_a_topic_or_the_beginning_of_one_is_accepted():
    for name in ("flow.token", "flow.", "flow", "report.health."):
        assert require_topic(name) == name


def test_a_full_name_means_that_topic_alone():
    assert is_meant("control.turn", ("control.turn",))
    assert not is_meant("control.turn.more", ("control.turn",))
    assert is_meant("report.turn.tts_bridge", ("report.turn.",))
    assert is_meant("anything", ())


def test_without_anything_near_all_names_are_offered():
    assert nearest("xyzzy", ["hz", "bw"]) == "there are hz, bw"
