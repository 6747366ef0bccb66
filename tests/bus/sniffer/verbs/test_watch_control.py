import pytest

from bus.messages import Intent, NodeState, Phase, TurnState
from tests.bus.sniffer.hearing import SESSION, PaperBus, lines, rows, run, table, verb_of

pytestmark = pytest.mark.unit

LIVING = "living levels"


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def intent(bus, wanted, revision):
    return bus.heard("control.intent", Intent(wanted, "discord_voice", 1_000, revision), SESSION)


def test_changes_are_lines_and_repetitions_are_none(bus):
    messages = [
        intent(bus, True, 1), intent(bus, True, 1),
        bus.session(Phase.STARTING), bus.session(Phase.STARTING), bus.session(Phase.ACTIVE),
    ]  # fmt: skip
    shown, _ = run(verb_of("watch-control"), messages)
    assert [line[13:] for line in lines(shown)] == [
        f"control.intent {SESSION} by bot_main: wanted=yes sink=discord_voice revision=1",
        f"control.session.discord_voice {SESSION} by discord_voice: phase=starting revision=1",
        f"control.session.discord_voice {SESSION} by discord_voice: phase=starting → active",
    ]


def test_a_refusal_is_told_in_its_sentence(bus):
    shown, _ = run(verb_of("watch-control"), [bus.session(Phase.IDLE, refusal="session_active")])
    assert "refusal=session_active" in lines(shown)[0]
    assert "Another session is running" in lines(shown)[0]


def test_a_lost_lease_is_news(bus):
    verb = verb_of("watch-control")
    run(verb, [bus.heard("control.turn", TurnState(5, 5), SESSION), intent(bus, True, 1)])
    bus.clock.advance_ms(3_100)
    report = list(verb.report(bus.now_ns))
    assert [line[13:] for line in lines(report)] == [
        f"control.turn {SESSION} by bot_main: LOST, its lease is over; it was floor=5 active=5"
    ]
    assert [row["topic"] for row in table(report, LIVING)] == ["control.intent"]
    assert list(lines(verb.report(bus.now_ns))) == []


def test_the_table_says_how_long_each_lease_lasts(bus):
    verb = verb_of("watch-control")
    run(verb, [intent(bus, True, 1), bus.session(), bus.health("bot_main", applied={SESSION: 7})])
    bus.clock.advance_ms(1_000)
    found = {row["topic"]: row for row in table(verb.report(bus.now_ns), LIVING)}
    assert found["control.intent"]["seconds_left"] is None
    assert found["control.session.discord_voice"]["seconds_left"] == 2.0
    assert found["report.health.bot_main"]["value"] == {"state": "ready", "code": "", "applied": {SESSION: 7}}


def test_health_is_worth_a_line_only_when_its_state_changes(bus):
    messages = [bus.health("tts_bridge", uptime_s=i) for i in range(3)]
    messages.append(bus.health("tts_bridge", NodeState.DEGRADED, code="tts_unreachable"))
    shown, _ = run(verb_of("watch-control"), messages)
    assert len(lines(shown)) == 2
    assert "state=ready → degraded" in lines(shown)[1]
    assert "The voice server does not answer." in lines(shown)[1]


def test_changes_as_data(bus):
    shown, _ = run(verb_of("watch-control"), [intent(bus, True, 1), intent(bus, False, 2)])
    first, second = rows(shown)
    assert (first["kind"], first["old"]) == ("change", None)
    assert (second["old"]["wanted"], second["new"]["wanted"]) == (True, False)
