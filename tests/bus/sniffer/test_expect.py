from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.sniffer.arguments import UsageError
from bus.sniffer.expect import METRICS, OPERATORS, parse
from bus.sniffer.measures import Measures
from tests.bus.sniffer.hearing import SINK, PaperBus

pytestmark = pytest.mark.unit


@pytest.fixture
def speech() -> tuple[Measures, int]:
    """Two seconds of frames, 50 a second."""
    bus, measures = PaperBus(), Measures()
    for index in range(100):
        measures.observe(bus.frame(index))
        bus.clock.advance_ms(19)
    return measures, bus.now_ns


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        (f"{SINK} hz>=49", True),
        (f"{SINK} hz >= 49.5", True),
        (f"{SINK} hz>=51", False),
        (f"{SINK} count==100", True),
        (f"{SINK} gaps!=0", False),
        (f"{SINK} age_ms<100", True),
        (f"{SINK} delay_p99_ms<=1", True),
        (f"{SINK} bw>90000", True),
        ("flow. hz>49", True),
        ("flow.token count==0", True),
        ("flow.token hz>0", False),
        ("flow.token age_ms<100", False),
        ("flow.token delay_p99_ms!=3", False),
    ],
)
def test_expectations_are_judged(speech, text, is_met):
    assert all(judgement.is_met is is_met for judgement in parse(text).judge(*speech))


def test_the_beginning_of_topics_means_each_one_heard():
    bus, measures = PaperBus(), Measures()
    measures.observe(bus.health("bot_main"))
    bus.clock.advance_ms(2_000)
    measures.observe(bus.health("tts_bridge"))
    judged = {j.topic: j.is_met for j in parse("report.health. age_ms<1000").judge(measures, bus.now_ns)}
    assert judged == {"report.health.bot_main": False, "report.health.tts_bridge": True}


def test_an_expectation_is_printed_as_it_is_read():
    assert str(parse(f"  {SINK}  hz  >=  49 ")) == f"{SINK} hz>=49"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hz>=49",
        f"{SINK} hz",
        f"{SINK} hz=>49",
        f"{SINK} hz>=__import__('os')",
        f"{SINK} hz>=49; 1",
        f"{SINK} hz>=nan",
    ],
)
def test_what_does_not_follow_the_grammar_is_refused(text):
    with pytest.raises(UsageError, match="--expect"):
        parse(text)


def test_mistyped_names_are_met_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'delay_p99_ms'"):
        parse(f"{SINK} delay_p9_ms<3")
    with pytest.raises(UsageError, match=r"did you mean 'flow\.token'"):
        parse("flow.tokens hz>3")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(UsageError):
        assert parse(text).metric in METRICS


@given(
    st.sampled_from([SINK, "flow.", "control.turn"]),
    st.sampled_from(list(METRICS)),
    st.sampled_from(list(OPERATORS)),
    st.floats(0, 1e6),
)
def test_every_combination_can_be_said_and_judged(topic, metric, sign, bound):
    expectation = parse(f"{topic} {metric}{sign}{bound:.3f}")
    assert expectation.judge(Measures(), 0)
