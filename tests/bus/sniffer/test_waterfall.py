import pytest

from bus.messages import PlayoutState, Prompt, TurnKind
from bus.sniffer.waterfall import TURN_LIMIT, Waterfalls, waterfall_line
from tests.bus.sniffer.hearing import SESSION, TURN, PaperBus

pytestmark = pytest.mark.unit

STAGES = ("llm_streamer", "tts_bridge", "discord_voice")


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def reply(bus, turn=TURN):
    """A whole turn: prompt, two tokens, three frames, and every stage's end."""
    yield bus.milestone("bot_main", TurnKind.ACCEPTED, turn=turn)
    yield bus.heard("flow.prompt", Prompt(()), SESSION, turn)
    yield bus.milestone("llm_streamer", TurnKind.RECEIVED, turn=turn)
    bus.clock.advance_ms(100)
    yield bus.token(0, "Hello.", turn)
    yield bus.milestone("llm_streamer", TurnKind.FIRST_TOKEN, turn=turn)
    yield bus.token(1, "", turn)
    yield bus.milestone("tts_bridge", TurnKind.FIRST_PIECE, turn=turn)
    for index in range(3):
        yield bus.frame(index, turn=turn)
    yield bus.milestone("tts_bridge", TurnKind.FIRST_AUDIO, turn=turn)
    yield bus.milestone("discord_voice", TurnKind.FIRST_FRAME, turn=turn)
    yield bus.frame(3, turn=turn, is_end=True)
    for stage in STAGES:
        yield bus.milestone(stage, TurnKind.DONE, turn=turn)
    yield bus.milestone("bot_main", TurnKind.DONE, turn=turn)


def followed(messages):
    waterfalls = Waterfalls()
    for message in messages:
        waterfalls.observe(message)
    return waterfalls


def test_a_turn_is_over_when_every_stage_has_ended(bus):
    waterfalls, messages = Waterfalls(), list(reply(bus))
    for message in messages[:-1]:
        waterfalls.observe(message)
        assert waterfalls.take_over(message.received_mono_ns) == []
    waterfalls.observe(messages[-1])
    (turn,) = waterfalls.take_over(bus.now_ns)
    assert (turn.turn, turn.outcome, turn.n_tokens, turn.n_frames) == (TURN, "done", 2, 3)
    assert waterfalls.take_over(bus.now_ns) == []


def test_a_turn_still_being_played_is_unfinished(bus):
    waterfalls = followed(list(reply(bus))[:-2])
    assert waterfalls.newest().outcome == "unfinished"


def test_milestones_are_shown_in_order_with_the_time_between(bus):
    line = waterfall_line(followed(reply(bus)).get(TURN))
    names = [m["name"] for m in line.data["milestones"]]
    assert names[:3] == ["accepted", "received", "first_token"]
    assert [m["name"] for m in line.data["milestones"] if m["name"].startswith("first")] == [
        "first_token", "first_piece", "first_audio", "first_frame",
    ]  # fmt: skip
    first_token = next(m for m in line.data["milestones"] if m["name"] == "first_token")
    assert first_token["at_ms"] == 103
    assert first_token["after_ms"] == 101
    assert "first_token      103.0 ms  +   101.0" in line.text


def test_lost_events_are_made_good_by_the_taps(bus):
    kept = [m for m in reply(bus) if not m.topic.startswith("report.turn.")]
    line = waterfall_line(followed(kept).newest())
    assert [m["name"] for m in line.data["milestones"]] == ["accepted", "first_token", "first_audio"]
    assert line.data["outcome"] == "unfinished"


def test_a_failure_is_the_outcome_and_names_its_code(bus):
    waterfalls = followed(
        [
            bus.milestone("llm_streamer", TurnKind.FAILED, "llm_unreachable"),
            bus.milestone("bot_main", TurnKind.CUT),
        ]
    )
    line = waterfall_line(waterfalls.newest())
    assert line.data["outcome"] == "failed"
    assert "llm_unreachable" in line.text


def over_after_ms(bus, waterfalls, *, limit_ms=20_000):
    """How long after now the turn is over, in steps of 100 ms."""
    for waited_ms in range(0, limit_ms, 100):
        if waterfalls.take_over(bus.now_ns):
            return waited_ms
        bus.clock.advance_ms(100)
    return None


def test_a_failed_turn_is_over_once_it_is_quiet(bus):
    accepted = bus.milestone("bot_main", TurnKind.ACCEPTED)
    failed = bus.milestone("llm_streamer", TurnKind.FAILED, "llm_empty")
    assert 1_000 <= over_after_ms(bus, followed([accepted, failed])) <= 1_200


def test_a_slow_voice_does_not_end_a_turn_whose_text_is_done(bus):
    waterfalls = followed(
        [bus.milestone("bot_main", TurnKind.ACCEPTED), bus.milestone("llm_streamer", TurnKind.DONE)]
    )
    bus.clock.advance_ms(8_000)
    assert waterfalls.take_over(bus.now_ns) == []
    waterfalls.observe(bus.frame(0))
    assert over_after_ms(bus, waterfalls) > 9_000


def test_playing_on_keeps_a_turn_open_and_a_repeated_level_does_not(bus):
    playout = "report.playout.discord_voice"
    waterfalls = followed(
        [bus.heard(playout, PlayoutState(TURN - 1, 40, 0, 0), SESSION), *list(reply(bus))[:-2]]
    )
    for played_ms in range(0, 15_000, 1_000):
        bus.clock.advance_ms(1_000)
        waterfalls.observe(bus.heard(playout, PlayoutState(TURN, played_ms, 0, 0), SESSION))
        assert waterfalls.take_over(bus.now_ns) == []
    for _ in range(11):
        bus.clock.advance_ms(1_000)
        waterfalls.observe(bus.heard(playout, PlayoutState(TURN, 14_000, 0, 0), SESSION))
    assert waterfalls.get(TURN - 1) is None
    assert waterfalls.get(TURN).played_ms == 14_000
    assert len(waterfalls.take_over(bus.now_ns)) == 1


def test_the_oldest_turns_are_forgotten(bus):
    waterfalls = followed(bus.token(0, "", turn) for turn in range(1, TURN_LIMIT + 3))
    assert waterfalls.get(2) is None
    assert waterfalls.get(3)


def test_a_turn_without_milestones_can_be_shown(bus):
    waterfalls = followed([bus.frame(0, is_end=True)])
    assert "unfinished" in waterfall_line(waterfalls.newest()).text
