import pytest

from bus.messages import NodeState, PlayoutState, TurnState
from bus.topics import NODES
from tests.bus.sniffer.hearing import SESSION, SINK, TURN, PaperBus, run, table, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def board(messages, now_ns=0):
    verb = verb_of("top")
    _, ending = run(verb, messages, now_ns)
    return ending


def test_every_node_is_on_the_board_with_what_it_says(bus):
    ending = board([bus.health("bot_main"), bus.health("tts_bridge", NodeState.DEGRADED, code="tts_loading")])
    nodes = {row["node"]: row for row in table(ending.outputs, "nodes")}
    assert list(nodes) == list(NODES)
    assert (nodes["bot_main"]["state"], nodes["tts_bridge"]["code"]) == ("ready", "tts_loading")
    assert nodes["guardian"]["state"] == "no answer"
    assert ending.complaints == []


def test_a_lost_node_is_named_and_a_complaint(bus):
    health = bus.health("tts_bridge")
    ending = board([health], health.received_mono_ns + 3_100_000_000)
    assert {row["node"]: row["state"] for row in table(ending.outputs, "nodes")}["tts_bridge"] == "lost"
    assert ending.complaints == ["no sign of life any more: tts_bridge"]


def test_a_session_shows_floor_active_turn_and_playout(bus):
    ending = board(
        [
            bus.session(),
            bus.heard("control.turn", TurnState(TURN, TURN), SESSION),
            bus.heard(
                "report.playout.discord_voice", PlayoutState(TURN, 1240, 380, 0, 2, deficit=7), SESSION
            ),
        ]
    )
    (row,) = table(ending.outputs, "sessions")
    assert (row["phase"], row["floor"], row["active"]) == ("active", TURN, TURN)
    assert (row["played_ms"], row["buffered_ms"], row["underruns"], row["deficit"]) == (1240, 380, 2, 7)
    assert 2.9 < row["seconds_left"] <= 3


def test_the_busiest_topics_come_first(bus):
    messages = [bus.token(0, "")]
    for index in range(20):
        bus.clock.advance_ms(19)
        messages.append(bus.frame(index))
    busiest = table(board([*messages, bus.token(1, "")]).outputs, "busiest topics")
    assert [row["topic"] for row in busiest] == [SINK, "flow.token"]
    assert busiest[0]["delay_p99_ms"] == 1
