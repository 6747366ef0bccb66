"""When a run is over and how it ends."""

import pytest

from bus.sniffer.expect import parse
from bus.sniffer.output import Line
from bus.sniffer.taps import Tapped
from bus.sniffer.watch import Watch
from tests.bus.sniffer.hearing import SINK, PaperBus, lines, rows, run, verb_of

pytestmark = pytest.mark.unit

SECOND_NS = 1_000_000_000


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def watching(*arguments):
    verb = verb_of(*arguments)
    return Watch(verb, verb.options, tuple(map(parse, verb.options.expect)))


def test_a_count_ends_after_so_many_lines(bus):
    shown, _ = run(verb_of("echo", "--count", "3"), [bus.token(i, "") for i in range(9)])
    assert len(lines(shown)) == 3


def test_once_means_one_line_where_lines_are_shown(bus):
    watch = watching("echo", "--once")
    watch.hear(bus.token(0, ""))
    assert watch.is_over(bus.now_ns)


def test_once_means_one_look_of_two_seconds_where_tables_are_shown(bus):
    watch = watching("hz", "--once")
    watch.hear(bus.token(0, ""))
    assert not watch.is_over(bus.now_ns + SECOND_NS)
    assert watch.is_over(bus.now_ns + 2 * SECOND_NS)
    assert rows(watch.end(bus.now_ns + 2 * SECOND_NS).outputs)[0]["topic"] == "flow.token"


def test_a_count_of_reports_ends_without_another(bus):
    watch = watching("hz", "--count", "2")
    watch.hear(bus.token(0, ""))
    assert watch.tick(bus.now_ns)
    assert not watch.is_over(bus.now_ns)
    assert watch.tick(bus.now_ns)
    assert watch.is_over(bus.now_ns)
    assert watch.end(bus.now_ns).outputs == []


def test_time_counts_from_the_first_answer(bus):
    watch = watching("hz", "--for", "5s")
    assert not watch.is_over(bus.now_ns + 60 * SECOND_NS)
    bus.clock.advance_ms(60_000)
    watch.hear(bus.token(0, ""))
    assert not watch.is_over(bus.now_ns + 4 * SECOND_NS)
    assert watch.is_over(bus.now_ns + 5 * SECOND_NS)


def test_expectations_alone_run_for_the_window_of_all_rates(bus):
    watch = watching("hz", "--expect", f"{SINK} hz>=49")
    watch.hear(bus.token(0, ""))
    assert not watch.is_over(bus.now_ns + 4 * SECOND_NS)
    assert watch.is_over(bus.now_ns + 5 * SECOND_NS)


def test_expectations_are_told_and_judged(bus):
    watch = watching("echo", "flow.token", "--expect", "flow.token count>=2", "--expect", "flow.token gaps>0")
    for index in range(2):
        watch.hear(bus.token(index, ""))
    ending = watch.end(bus.now_ns)
    assert [line.data["is_met"] for line in ending.outputs if isinstance(line, Line)] == [True, False]
    assert ending.complaints == ["not met: flow.token gaps>0"]


def test_an_expected_topic_is_heard_even_if_the_verb_shows_others(bus):
    watch = watching("echo", "flow.token", "--expect", f"{SINK} count>=1")
    assert SINK in watch.prefixes
    assert watch.hear(bus.frame(0)) == []
    watch.hear(bus.token(0, ""))
    assert watch.end(bus.now_ns).complaints == []


def test_any_node_counts_as_an_answer(bus):
    watch = watching("echo", "flow.token")
    assert "report.health." in watch.prefixes
    assert not watch.is_answered
    assert watch.hear(bus.health("bot_main")) == []
    assert watch.is_answered


def test_a_message_that_cannot_be_read_is_named_and_the_rest_goes_on(bus):
    heard = bus.session()
    broken = Tapped(heard.topic, heard.header, b"\xc1", 1, heard.received_mono_ns, 0)
    watch = watching("top")
    assert "can't be read" in lines(watch.hear(broken))[0]
    assert watch.hear(bus.session()) == []
