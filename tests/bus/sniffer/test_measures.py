import math
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Token
from bus.sniffer.measures import Measures, percentile
from tests.bus.sniffer.hearing import SINK, PaperBus

pytestmark = pytest.mark.unit


def test_a_topic_never_heard_has_no_age_no_delay_and_no_rate():
    measure = Measures().of(SINK)
    assert measure.rate(5).hz == 0
    assert math.isinf(measure.age_ms(5))
    assert math.isnan(measure.delay_ms(99))
    assert all(map(math.isnan, measure.interval_ms()))


def test_delays_rates_and_intervals():
    bus, measures = PaperBus(), Measures()
    for index in range(51):
        measures.observe(bus.heard("flow.token", Token(index, ""), delay_ms=10 if index == 25 else 2))
        bus.clock.advance_ms(18 if index != 25 else 10)
    measure = measures.of("flow.token")
    assert measure.rate(measure.last.received_mono_ns).hz == pytest.approx(50, abs=0.5)
    assert measure.delay_ms(50) == pytest.approx(2)
    assert measure.delay_ms(99) == pytest.approx(10)
    assert measure.interval_ms()[:2] == (pytest.approx(12), pytest.approx(28))


def test_a_lost_message_is_counted_and_a_restart_is_no_loss():
    bus, measures = PaperBus(), Measures()
    measures.observe(bus.token(0, ""))
    bus.lose("flow.token", 3)
    assert measures.observe(bus.token(4, "")) == 3
    bus.restart("llm_streamer")
    assert measures.observe(bus.token(0, "")) == 0
    assert measures.of("flow.token").gaps == 3


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values, percent):
    found = percentile(deque(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
