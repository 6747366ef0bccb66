"""What the operator sees and what is counted, from what the bus says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bus.messages import NodeState, Phase, TurnKind
from bus.topics import NODES
from procs.web_gateway.core.watch import changed, judged
from tests.procs.web_gateway.play import SESSION, SINK, Play
from tests.waiting import until

pytestmark = pytest.mark.unit


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    play = Play()
    running = asyncio.create_task(play.observer.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    yield play
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def value(play: Play, name: str, *labels: str) -> float | None:
    play.observer.look()
    return play.observer.figures.values(name).get(labels)


async def test_every_process_is_shown_with_its_state_and_the_remedy(play):
    await play.all_healthy()
    await play.health("llm_streamer", NodeState.DEGRADED, "llm_unreachable")
    rows = {row["name"]: row for row in play.observer.processes()}
    assert set(rows) == set(NODES)
    assert rows["web_gateway"]["state"] == "ready", "it hears itself, too"
    assert rows["llm_streamer"]["state"] == "degraded"
    assert "llm.base_url" in rows["llm_streamer"]["remedy"]


async def test_health_is_200_while_all_serve_and_503_once_one_is_silent(play):
    await play.all_healthy()
    assert judged(play.observer.processes())[0] == 200
    await play.health("tts_bridge", NodeState.DEGRADED, "tts_unreachable")
    status, body = judged(play.observer.processes())
    assert (status, body["status"]) == (200, "degraded"), "it goes on, and says what is missing"
    assert "voice server does not answer" in body["processes"]["tts_bridge"]["reason"]
    play.bus.lose("report.health.tts_bridge")
    await play.all_healthy_but("tts_bridge")
    status, body = judged(play.observer.processes())
    assert status == 503
    assert [name for name, row in body["processes"].items() if not row["ready"]] == ["tts_bridge"]
    await play.health("tts_bridge")
    assert judged(play.observer.processes())[0] == 200, "green again"


async def test_since_is_when_a_process_became_so(play):
    await play.health("bot_main")
    since_ms = play.observer.processes()[0]["since_ms"]
    play.bus.fake_clock.advance_ms(2_000)
    await play.health("bot_main")
    assert play.observer.processes()[0]["since_ms"] == since_ms
    await play.health("bot_main", NodeState.LOADING)
    assert play.observer.processes()[0]["since_ms"] == since_ms + 2_000


async def test_since_counts_while_nobody_looks_at_the_page(play):
    await play.health("bot_main")
    began_ms = play.bus.clock.wall_ns() // 1_000_000
    play.observer._glance()
    play.bus.fake_clock.advance_ms(2_000)
    assert value(play, "miku_process_health_age_seconds", "bot_main") == 2
    await play.health("bot_main")
    assert play.observer.processes()[0]["since_ms"] == began_ms


async def test_a_blocked_feature_tells_why_and_until_when(play):
    await play.session(Phase.ACTIVE)
    await play.house(is_open=False, queued=2)
    house = play.observer.view()["house"]
    assert (house["queued"], house["mood"]) == (2, "happy")
    assert house["features"][0]["why"] == "a voice session runs"
    assert house["features"][0]["until"] == "until the session ends"
    await play.house(is_open=False, code="llm_unreachable")
    feature = play.observer.view()["house"]["features"][0]
    assert feature["until"] == "until a service of it is back"
    assert "does not answer" in feature["cause"]
    await play.house(is_open=True)
    assert play.observer.view()["house"]["features"][0]["until"] == ""


async def test_a_turn_is_shown_as_a_waterfall_and_counted_once(play):
    await play.a_turn()
    await until(lambda: value(play, "miku_turns_total", "done"))
    turn = play.observer.view()["turns"][0]
    assert turn["outcome"] == "done"
    assert [(m["kind"], m["at_ms"]) for m in turn["milestones"]][:3] == [
        ("accepted", 0.0),
        ("first_token", 100.0),
        ("first_piece", 200.0),
    ]
    await play.milestone("bot_main", TurnKind.DONE)
    await play.a_turn(turn=1_002, end=TurnKind.FAILED, code="llm_timeout")
    await until(lambda: value(play, "miku_turns_total", "failed"))
    assert value(play, "miku_turns_total", "done") == 1
    assert value(play, "miku_turn_failures_total", "bot_main", "llm_timeout") == 1
    ((_, seen),) = play.observer.figures.distributions("miku_prompt_to_first_frame_seconds")
    assert sum(seen.counts) == 2
    assert seen.total == pytest.approx(0.8)


async def test_counters_of_a_session_go_on_when_the_next_one_begins_at_zero(play):
    await play.playout(sent=100, underruns=1)
    assert value(play, "miku_frames_sent_total", SINK) == 100
    await play.playout(sent=150, underruns=1)
    assert value(play, "miku_frames_sent_total", SINK) == 150
    await play.playout(sent=10, underruns=0)
    assert value(play, "miku_frames_sent_total", SINK) == 160
    assert value(play, "miku_underruns_total", SINK) == 1


async def test_a_session_shows_what_of_its_sound_did_not_leave(play):
    await play.session(Phase.ACTIVE)
    await play.playout(sent=100, underruns=1)
    (row,) = play.observer.view()["sessions"]
    assert (row["underruns"], row["nulled"], row["late"], row["deficit"]) == (1, 1, 2, 5)


async def test_sessions_are_counted_by_how_they_began_and_ended(play):
    await play.session(Phase.ACTIVE)
    assert value(play, "miku_sessions_active", SINK) == 1
    await play.session(Phase.IDLE, reason="voice_lost")
    assert value(play, "miku_sessions_active", SINK) == 0
    assert value(play, "miku_sessions_ended_total", SINK) == 1
    assert value(play, "miku_sessions_failed_total", SINK, "voice_lost") == 1
    await play.session(Phase.IDLE, reason="voice_lost", refusal="session_active")
    assert value(play, "miku_sessions_failed_total", SINK, "session_active") == 1
    assert value(play, "miku_sessions_failed_total", SINK, "voice_lost") == 1


async def test_a_new_process_id_is_a_restart(play):
    await play.health("bot_main", pid=7)
    assert value(play, "miku_process_restarts_total", "bot_main") == 0
    play.bus.fake_clock.advance_ms(1_000)
    await play.health("bot_main", pid=8)
    assert value(play, "miku_process_restarts_total", "bot_main") == 1
    assert value(play, "miku_process_restarts_total", "bot_main") == 1


async def test_time_counts_for_a_feature_that_is_closed(play):
    await play.house(is_open=False)
    play.observer.look()
    play.bus.fake_clock.advance_ms(2_000)
    await play.house(is_open=False)
    assert value(play, "miku_feature_closed_seconds_total", "image_generation") == pytest.approx(2)


async def test_an_answer_that_is_repeated_counts_once(play):
    for _ in range(3):
        await play.answer("a")
    await play.answer("b", "session_active")
    await until(lambda: value(play, "miku_requests_total", "session_active"))
    assert value(play, "miku_requests_total", "") == 1


async def test_foreign_codes_can_not_grow_the_metrics_without_end(play):
    for number in range(1_000):
        await play.answer(f"r{number}", f"code_{number}")
        await asyncio.sleep(0)
    await until(lambda: value(play, "miku_requests_total", "other"))
    assert len(play.observer.figures.values("miku_requests_total")) <= 201


async def test_rates_are_what_came_in_by_the_time_it_took(play):
    for _ in range(20):
        await play.playout(sent=1)
    play.bus.fake_clock.advance_ms(2_000)
    rates = {row["topic"]: row for row in play.observer.view()["rates"]}
    assert rates[f"report.playout.{SINK}"]["hz"] == 10
    assert rates[f"report.playout.{SINK}"]["bytes_per_s"] > 100


async def test_no_text_of_a_conversation_and_no_secret_is_in_the_view(play):
    from bus.messages import ReplyState

    await play.bus.deliver("report.reply", ReplyState(1_001, "Canary seventeen", complete=False), SESSION)
    await play.a_turn()
    shown = json.dumps(play.observer.view())
    assert "Canary" not in shown


async def test_the_settings_of_all_processes_are_shown_once_and_where_they_differ_it_says_so(play):
    await play.settings("bot_main", log_level="info", llm__base_url="a")
    await play.settings("llm_streamer", llm__base_url="b", llm__api_key="***")
    assert play.observer.view()["settings"] == [
        {"name": "log_level", "values": ["info"]},
        {"name": "llm.api_key", "values": ["***"]},
        {"name": "llm.base_url", "values": ["a (bot_main)", "b (llm_streamer)"]},
    ]


def test_only_sections_that_differ_are_told():
    assert changed({"a": [1], "b": 2}, {"a": [1], "b": 3, "c": 4}) == {"b": 3, "c": 4}
