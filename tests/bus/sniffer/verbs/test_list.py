import pytest

from bus.topics import TOPICS
from tests.bus.sniffer.hearing import PaperBus, rows, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def listed(messages, *arguments, now_ns=0):
    _, ending = run(verb_of("list", *arguments), messages, now_ns)
    return {row["topic"]: row for row in rows(ending.outputs)}, ending


def test_every_topic_is_listed_heard_or_not(bus):
    found, ending = listed([bus.health("bot_main")])
    assert list(found) == list(TOPICS)
    assert ending.complaints == []


def test_a_topic_shows_rate_age_gaps_and_whether_its_writer_lives(bus):
    messages = [bus.health("llm_streamer")]
    for index in range(10):
        messages.append(bus.token(index, ""))
        bus.clock.advance_ms(99)
    bus.lose("flow.token", 2)
    messages.append(bus.token(12, ""))
    found, _ = listed(messages)
    row = found["flow.token"]
    assert (row["writer"], row["alive"], row["gaps"]) == ("llm_streamer", "yes", 2)
    assert row["hz"] == pytest.approx(10, abs=0.1)
    assert found["flow.audio.discord_voice"]["alive"] == "no"
    assert found["flow.audio.discord_voice"]["age_ms"] is None
    assert found["flow.request"]["alive"] == "-"


def test_a_level_is_declared_once_a_second_for_each_session(bus):
    found, _ = listed([bus.session(), bus.health("bot_main")])
    assert found["control.session.discord_voice"]["declared_hz"] == 1
    assert found["flow.token"]["declared_hz"] is None


def test_a_node_that_falls_silent_is_lost_and_a_complaint(bus):
    health = bus.health("tts_bridge")
    found, ending = listed([health], now_ns=health.received_mono_ns + 3_100_000_000)
    assert found["flow.audio.discord_voice"]["alive"] == "lost"
    assert ending.complaints == ["no sign of life any more: tts_bridge"]


def test_the_list_can_be_narrowed(bus):
    found, _ = listed([bus.health("bot_main")], "flow.")
    assert set(found) == {name for name in TOPICS if name.startswith("flow.")}
    assert found["flow.prompt"]["alive"] == "yes"
