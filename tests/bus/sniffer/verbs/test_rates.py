import pytest

from tests.bus.sniffer.hearing import SINK, PaperBus, rows, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def speech() -> list:
    bus = PaperBus()
    messages = []
    for index in range(101):
        messages.append(bus.frame(index))
        bus.clock.advance_ms(19)
    return messages


def reading(name, messages):
    _, ending = run(verb_of(name, "flow.audio", "--once"), messages)
    (row,) = rows(ending.outputs)
    return row


def test_hz_shows_rate_and_regularity(speech):
    row = reading("hz", speech)
    assert row["topic"] == SINK
    assert row["hz"] == pytest.approx(50)
    assert (row["shortest_ms"], row["longest_ms"], row["deviation_ms"]) == (20, 20, 0)
    assert (row["count"], row["gaps"]) == (101, 0)


def test_bw_shows_bytes(speech):
    row = reading("bw", speech)
    assert row["n_bytes"] > 1920
    assert row["bytes_per_s"] == pytest.approx(50 * row["n_bytes"], rel=0.05)


def test_delay_shows_percentiles(speech):
    row = reading("delay", speech)
    assert (row["p50_ms"], row["p95_ms"], row["p99_ms"]) == (1, 1, 1)


@pytest.mark.parametrize("name", ["hz", "bw", "delay"])
def test_nothing_heard_is_a_complaint(name, speech):
    _, ending = run(verb_of(name, "flow.token"), speech)
    assert ending.complaints == ["no message of flow.token came"]
