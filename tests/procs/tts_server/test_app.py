"""What the app decides: order, ends, refusals, health. Engine and socket are stand-ins."""

import asyncio

import pytest

from bus.messages import NodeState
from procs.tts_server.app import MAX_WAITING_CLIENTS, MAX_WAITING_PER_CLIENT, TtsServer
from procs.tts_server.backends.base import EngineError
from tests.procs.tts_server.played import House, running

pytestmark = pytest.mark.unit


async def test_a_text_becomes_numbered_sound_with_one_last_reply() -> None:
    async with running(House()) as house:
        house.speaker.allow()
        house.say(b"A", "r", "ab")
        await house.settle()
        replies = house.replies(b"A", "r")
        assert [r["seq"] for r in replies] == [0, 1, 2]
        assert [r["last"] for r in replies] == [False, False, True]
        assert [r["payload"] for r in replies] == [b"aa", b"bb", b""]
        assert [r["marks"] for r in replies] == [[[0, 0]], [[1, 1]], []]
        assert {(r["sample_rate"], r["dtype"]) for r in replies} == {(22_050, "s16le")}


async def test_clients_take_turns() -> None:
    async with running(House()) as house:
        for number in range(3):
            house.say(b"A", f"a{number}")
        house.say(b"B", "b0")
        house.say(b"C", "c0")
        house.speaker.allow()
        await house.settle()
        assert house.speaker.spoken == ["a0", "b0", "c0", "a1", "a2"]


async def test_a_waiting_request_is_cancelled_without_ever_being_spoken() -> None:
    async with running(House()) as house:
        house.say(b"A", "first")
        house.say(b"A", "second")
        house.ask(b"A", "cancel", id="second")
        house.speaker.allow()
        await house.settle()
        assert [r["code"] for r in house.replies(b"A", "second")] == ["cancelled"]
        assert house.speaker.spoken == ["first"]
        assert house.replies(b"A", "first")[-1]["last"]


async def test_a_cancel_amid_speech_ends_it_and_the_next_request_goes_on() -> None:
    async with running(House()) as house:
        house.say(b"A", "first")
        house.say(b"A", "second")
        house.speaker.allow(1)
        await house.settle()
        house.ask(b"A", "cancel", id="first")
        assert house.replies(b"A", "first")[-1]["code"] == "cancelled"
        house.speaker.allow()
        await house.settle()
        assert [r.get("code", r.get("seq")) for r in house.replies(b"A", "first")] == [0, "cancelled"]
        assert house.replies(b"A", "second")[-1]["last"]


async def test_a_cancel_is_always_answered_and_touches_nobody_else_s_request() -> None:
    async with running(House()) as house:
        house.say(b"A", "r")
        await house.settle()
        house.ask(b"B", "cancel", id="r")
        house.ask(b"A", "cancel", id="unknown")
        house.speaker.allow()
        await house.settle()
        assert house.replies(b"A", "r")[-1]["last"]
        house.ask(b"A", "cancel", id="r")
        assert house.codes(b"A") == ["cancelled", "cancelled"]
        assert house.codes(b"B") == ["cancelled"]


async def test_an_id_in_use_is_refused_and_free_again_afterwards() -> None:
    async with running(House()) as house:
        house.say(b"A", "r")
        house.say(b"A", "r")
        house.say(b"B", "r")
        assert house.codes(b"A") == ["duplicate_id"]
        house.speaker.allow()
        await house.settle()
        house.say(b"A", "r")
        await house.settle()
        assert house.speaker.spoken == ["r", "r", "r"]
        assert house.codes(b"B") == []


async def test_more_requests_than_may_wait_are_refused() -> None:
    async with running(House()) as house:
        house.say(b"A", "spoken now")
        await house.settle()
        for number in range(MAX_WAITING_PER_CLIENT + 1):
            house.say(b"A", f"r{number}")
        assert [r["id"] for r in house.link.replies[b"A"]] == [f"r{MAX_WAITING_PER_CLIENT}"]
        assert house.codes(b"A") == ["busy"]
        for number in range(MAX_WAITING_CLIENTS):
            house.say(b"%d" % number, "r")
        assert house.codes(b"%d" % (MAX_WAITING_CLIENTS - 1)) == ["busy"]
        assert house.codes(b"0") == []


async def test_garbage_is_refused_counted_and_forgotten() -> None:
    async with running(House()) as house:
        house.say(b"A", "r")
        house.send(b"B", b"garbage")
        house.send(b"B", b"{}", b"{}")
        house.send(b"B")
        house.ask(b"B", "sing")
        house.speaker.allow()
        await house.settle()
        assert house.codes(b"B") == ["bad_request", "bad_request", "bad_request", "unknown_op"]
        assert house.replies(b"A", "r")[-1]["last"]


async def test_counts_reach_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procs.tts_server.app.COUNTS_PERIOD_S", 0.0)
    async with running(House()) as house:
        house.speaker.allow()
        house.send(b"A", b"garbage")
        house.say(b"A", "r")
        await house.settle()
        facts = house.bus.health.facts
        assert (facts["refused"], facts["spoken"]) == ("1", "1")
        assert (facts["engine"], facts["voice"]) == ("facts", "plain")


async def test_a_ping_is_answered_in_the_middle_of_a_text() -> None:
    async with running(House()) as house:
        house.say(b"A", "r")
        await house.settle()
        house.ask(b"A", "ping", n=7)
        assert house.link.replies[b"A"] == [
            {
                "pong": 7,
                "warmed_up": True,
                "engine": "facts",
                "voice": "plain",
                "sample_rate": 22_050,
                "payload": b"",
            }
        ]


async def test_requests_wait_a_moment_for_an_engine_that_loads() -> None:
    house = House()
    house.speaker.may_load.clear()
    async with running(house):
        assert house.link.is_open
        assert house.link.on_frames is None
        house.speaker.may_load.set()
        await house.settle()
        house.speaker.allow()
        house.say(b"A", "r")
        await house.settle()
        assert house.replies(b"A", "r")[-1]["last"]


async def test_while_the_engine_loads_for_long_requests_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procs.tts_server.app.LOADING_PATIENCE_S", 0.0)
    house = House()
    house.speaker.may_load.clear()
    async with running(house):
        assert (house.bus.health.state, house.bus.health.code) == (NodeState.LOADING, "tts_loading")
        house.say(b"A", "r")
        house.ask(b"A", "ping", n=1)
        assert house.codes(b"A") == ["loading"]
        assert house.link.replies[b"A"][-1]["warmed_up"] is False
        house.speaker.may_load.set()
        await house.settle()
        assert (house.bus.health.state, house.bus.health.code) == (NodeState.READY, "")
        house.speaker.allow()
        house.say(b"A", "r")
        await house.settle()
        assert house.replies(b"A", "r")[-1]["last"]


async def test_a_missing_engine_degrades_and_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procs.tts_server.app.RETRY_MIN_S", 0.01)
    monkeypatch.setattr("procs.tts_server.app.LOADING_PATIENCE_S", 0.0)
    house = House()
    house.speaker.failures = [EngineError("unavailable", "soprano-tts can't be imported")]
    async with running(house):
        assert house.bus.health.state == "degraded"
        assert house.bus.health.detail == "soprano-tts can't be imported"
        house.say(b"A", "r")
        assert house.codes(b"A") == ["unavailable"]
        async with asyncio.timeout(5):
            while house.bus.health.state is not NodeState.READY:
                await asyncio.sleep(0.005)


async def test_an_engine_that_fails_ends_the_request_and_shows_until_it_works_again() -> None:
    async with running(House()) as house:
        house.speaker.allow()
        house.say(b"A", "r", "a!c")
        house.say(b"B", "r")
        await house.settle()
        assert [r.get("code", r.get("seq")) for r in house.replies(b"A", "r")] == [0, "failed"]
        assert house.replies(b"B", "r")[-1]["last"]
        assert [line[2].get("code") for line in house.bus.log.lines if line[0] == "warning"] == ["tts_failed"]
        assert house.bus.health.state is NodeState.READY


async def test_a_client_that_does_not_read_fails_alone() -> None:
    async with running(House()) as house:
        house.say(b"A", "r", "abcdef")
        house.say(b"B", "r")
        house.speaker.allow(2)
        await house.settle()
        house.link.full.add(b"A")
        house.speaker.allow()
        await house.settle()
        assert [r.get("code", r.get("seq")) for r in house.replies(b"A", "r")] == [0, 1, "stalled"]
        assert house.replies(b"B", "r")[-1]["last"]


async def test_what_a_gone_client_wanted_is_given_up() -> None:
    async with running(House()) as house:
        for number in range(3):
            house.say(b"A", f"a{number}", "abcdef")
        house.say(b"B", "b")
        house.speaker.allow(1)
        await house.settle()
        house.link.gone.add(b"A")
        house.speaker.allow()
        await house.settle()
        assert house.speaker.spoken == ["a0", "b"]
        assert house.replies(b"B", "b")[-1]["last"]


async def test_switched_off_it_listens_to_nobody_and_says_so() -> None:
    house = House()
    house.app = TtsServer(house.bus, house.speaker, house.link, enabled=False)
    async with running(house):
        assert house.bus.health.state is NodeState.READY
        assert "off" in house.bus.health.detail
        assert not house.link.is_open


async def test_stopping_silences_the_engine_and_closes_the_link() -> None:
    async with running(House()) as house:
        house.say(b"A", "r")
        await house.settle()
        await house.app.stop()
        assert house.speaker.closed
        assert not house.link.is_open


async def test_no_text_is_ever_logged_or_reported() -> None:
    async with running(House()) as house:
        house.speaker.allow()
        house.say(b"A", "r", "canary!")
        house.send(b"A", b"canary")
        await house.settle()
        assert "canary" not in f"{house.bus.log.lines} {house.bus.health}"
