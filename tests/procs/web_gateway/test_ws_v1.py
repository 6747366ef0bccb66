"""WS v1 over real sockets: a session from hello to its end."""

import pytest

from bus.messages import RequestKind, TurnKind
from procs.web_gateway import desk
from tests.procs.sink.sound import last_sample
from tests.procs.web_gateway.house import House, running
from tests.waiting import until

pytestmark = pytest.mark.flow


async def test_a_session_from_hello_to_goodbye(house):
    async with house.client() as client:
        ack = await client.hello()
        assert (ack["version"], ack["seq"], ack["data"]["resumed"]) == ("v1", 0, False)
        await client.send("session.start", audio={"encoding": "pcm_s16le"}, metadata={"user": "Ana"})
        started = await client.get("session.started")
        assert started["sessionId"] == ack["sessionId"]
        assert started["audio"] == {"encoding": "pcm_s16le"}
        config = await client.get("config.resolved")
        assert config["data"]["output"]["frame_bytes"] == 640
        assert house.sessions[started["session"]].requested_by == "Ana"
        await client.send("session.stop", reason="enough")
        assert (await client.get("session.stopped"))["reason"] == "enough"
        assert await client.closed() == 1000
    await until(lambda: house.asked(RequestKind.LEAVE))
    assert [event["seq"] for event in client.said if event["seq"]] == [1, 2, 3]


async def test_a_prompt_is_answered_by_text_captions_and_sound(house):
    async with house.client() as client:
        session = await client.start(output={"mode": "audio", "sample_rate_hz": 48_000})
        turn = await client.ask("Sing.")
        assert house.asked(RequestKind.PROMPT)[0][0].text == "Sing."
        await house.reply(session, turn, "La la.", [(0, 0, 2), (40, 3, 6)], ms=80)
        await house.sound(session, turn, 4)
        await client.get("output.audio.end")
        await house.turn_over(session, turn)
        ended = await client.get("turn.ended")
    assert "".join(event["text"] for event in client.all("assistant.response.delta")) == "La la."
    assert client.all("assistant.response.final")[0]["text"] == "La la."
    assert client.all("output.captions")[0]["marks"][1] == {"start_ms": 40, "first_char": 3, "end_char": 6}
    start = client.all("output.audio.start")
    assert [(event["turn_id"], event["position_ms"], event["sample_rate_hz"]) for event in start] == [
        (turn, 0, 48_000)
    ]
    assert [last_sample(pcm) for pcm in client.sound] == [1, 2, 3, 4]
    assert client.all("output.audio.end")[0]["reason"] == "finished"
    assert (ended["outcome"], ended["heard_chars"]) == ("done", 6)
    assert client.all("metrics.ttfb")[0]["latencyMs"] >= 0
    sequence = [event["seq"] for event in client.said if event["seq"]]
    assert sequence == sorted(set(sequence))


async def test_text_mode_brings_no_sound_but_the_turn_is_paced_and_ends(house):
    async with house.client() as client:
        session = await client.start(output={"mode": "text"})
        turn = await client.ask()
        await house.reply(session, turn, "Yes.", [(0, 0, 4)], ms=60)
        await house.sound(session, turn, 3)
        await until(lambda: house.playout(session).finished_turn == turn)
        await house.turn_over(session, turn)
        await client.get("turn.ended")
    assert client.sound == []
    assert client.all("output.audio.start") == []
    assert client.all("metrics.ttfb")


async def test_a_cancel_silences_at_once_and_only_what_was_played_counts(house):
    async with house.client() as client:
        session = await client.start()
        turn = await client.ask()
        await house.reply(session, turn, "One two three.", [(0, 0, 3), (100, 4, 7), (4_000, 8, 14)], ms=5_000)
        await house.sound(session, turn, 200)
        await until(lambda: len(client.sound) > 15)
        await client.send("output.audio.played", turn_id=turn, position_ms=120)
        await client.send("response.cancel")
        interrupted = await client.get("response.interrupted")
        await until(lambda: house.asked(RequestKind.STOP))
        n_frames = len(client.sound)
        await house.floor(session, turn + 1)
        await house.turn_over(session, turn, TurnKind.CUT)
        await client.get("turn.ended")
        assert (interrupted["played_ms"], interrupted["heard_chars"]) == (120, 7)
        assert house.playout(session).played_ms == 120
        assert len(client.sound) == n_frames < 40


async def test_a_client_that_plays_nothing_does_not_hold_the_voice_up(house):
    async with house.client() as client:
        session = await client.start(output={"mode": "text"})
        turn = await client.ask()
        await client.send("output.audio.played", turn_id=turn, position_ms=0)
        await house.sound(session, turn, 125, final=False)
        await until(lambda: house.playout(session).played_ms >= 300)
        await client.send("response.cancel")
        assert (await client.get("response.interrupted"))["played_ms"] == 0
        await until(lambda: house.playout(session).played_ms == 0)


async def test_a_prompt_right_behind_a_cancel_is_answered(house):
    async with house.client() as client:
        session = await client.start(output={"sample_rate_hz": 48_000})
        turn = await client.ask()
        await house.sound(session, turn, 100)
        await until(lambda: client.sound)
        await client.send("response.cancel")
        later = await client.ask("No, wait.", 1)
        kinds = [request.kind for request, _ in house.requests]
        assert kinds[-2:] == [RequestKind.STOP, RequestKind.PROMPT]
        assert house.playout(session).finished_turn in (0, turn)
        await house.floor(session, later)
        n_frames = len(client.sound)
        await house.sound(session, later, 3, value=9)
        await until(lambda: len(client.sound) == n_frames + 3)
        assert client.all("output.audio.end")[0]["reason"] == "cut"


async def test_a_graceful_cancel_finishes_the_sentence(house):
    async with house.client() as client:
        session = await client.start(output={"sample_rate_hz": 48_000})
        turn = await client.ask()
        text = "One two. Three four."
        await house.reply(session, turn, text, [(0, 0, 3), (200, 4, 8), (400, 9, 14), (700, 15, 20)], ms=900)
        await house.sound(session, turn, 45)
        await until(lambda: client.sound)
        await client.send("response.cancel", graceful=True)
        interrupted = await client.get("response.interrupted")
        await until(lambda: house.asked(RequestKind.STOP))
        await client.get("output.audio.end")
    assert (interrupted["played_ms"], interrupted["heard_chars"]) == (400, 8)
    assert [last_sample(pcm) for pcm in client.sound] == list(range(1, 21))


async def test_a_hard_cancel_behind_a_graceful_one_is_the_only_one(house):
    async with house.client() as client:
        session = await client.start()
        turn = await client.ask()
        await house.reply(session, turn, "One two", [(0, 0, 3), (200, 4, 7)], complete=False, ms=400)
        await house.sound(session, turn, 40, final=False)
        await until(lambda: client.sound)
        await client.send("response.cancel", graceful=True)  # the end of the sentence is not known yet
        await client.send("response.cancel")
        await client.get("response.interrupted")
        await until(lambda: house.asked(RequestKind.STOP))
        await house.reply(session, turn, "One two. Three.", [(0, 0, 3), (200, 4, 8), (300, 9, 15)], ms=800)
        await house.sound(session, turn, 5, 40)
        await house.floor(session, turn + 1)
        await house.turn_over(session, turn, TurnKind.CUT)
        await client.get("turn.ended")
        await client.ask("Next", 1)
    assert len(house.asked(RequestKind.STOP)) == 1
    assert len(client.all("response.interrupted")) == 1


async def test_who_hangs_up_in_mid_reply_is_told_its_end_first(house):
    async with house.client() as client:
        session = await client.start()
        turn, waiting = await client.ask(), await client.ask("And then?", 1)
        await house.reply(
            session, turn, "One two. Three.", [(0, 0, 3), (20, 4, 8), (9_000, 9, 15)], ms=10_000
        )
        await house.sound(session, turn, 100)
        await until(lambda: len(client.sound) > 5)
        await client.send("session.stop")
        assert await client.closed() == 1000
        call_id = client.all("hello.ack")[0]["sessionId"]
        while True:
            async with client.browser.get(f"/api/calls/{call_id}") as response:
                if (call := await response.json())["ended_ms"]:
                    break
    ends = [(event["turn_id"], event["outcome"], event["heard_chars"]) for event in client.all("turn.ended")]
    assert ends == [(turn, "cut", 8), (waiting, "cut", 0)]
    kinds = [event["type"] for event in client.said]
    assert kinds.index("session.stopped") > max(n for n, kind in enumerate(kinds) if kind == "turn.ended")
    said = [(row["turn_id"], row["text"]) for row in call["turns"] if row["speaker"] == "ai"]
    assert said == [(turn, "One two."), (waiting, "")]


async def test_a_turn_that_fails_says_why(house):
    async with house.client() as client:
        session = await client.start()
        turn = await client.ask()
        await house.turn_over(session, turn, TurnKind.FAILED, "llm_unreachable")
        ended = await client.get("turn.ended")
    assert (ended["outcome"], ended["code"]) == ("failed", "llm_unreachable")
    assert client.all("error")[0]["stage"] == "llm"
    assert "language model" in ended["message"]


async def test_the_microphone_is_counted_and_answered_honestly(house):
    async with house.client() as client:
        await client.start()
        for _ in range(3):
            await client.ws.send_bytes(bytes(1_280))
        said = await client.get("input.audio.unrecognised")
    assert (said["code"], said["trackId"]) == ("recognition_missing", "audio_in")
    assert len(client.all("input.audio.unrecognised")) == 1


async def test_one_more_than_fits_is_refused_and_may_try_again(house):
    async with house.client() as first, house.client() as second, house.client() as third:
        await first.start()
        await second.start()
        await third.hello()
        await third.send("session.start")
        refusal = await third.get("error")
        assert refusal["code"] == "session_active"
        assert "End it first" in refusal["message"]
        await first.send("session.stop")
        await first.closed()
        await until(lambda: sum(intent.wanted for intent in house.sessions.values()) == 1)
        await third.send("session.start")
        await third.get("session.started")


async def test_a_session_that_somebody_else_ends_says_goodbye(house):
    async with house.client() as client:
        session = await client.start()
        await house.leave(session)
        assert (await client.get("session.stopped"))["reason"] == "left"
        assert await client.closed() == 1000


async def test_a_session_that_nobody_used_says_why_it_ended(house):
    async with house.client() as client:
        session = await client.start()
        await house.leave(session, reason="session_idle")
        stopped = await client.get("session.stopped")
        assert stopped["reason"] == "session_idle"
        assert "session.idle_leave_s" in stopped["message"]
        assert await client.closed() == 1000


async def test_a_session_may_take_as_long_to_start_as_is_set(tmp_path):
    async with running(House(tmp_path, start_timeout_s=60)) as house, house.client() as client:
        house.is_slow = True
        await client.hello()
        await client.send("pong")
        await client.send("session.start")
        await until(lambda: house.asked(RequestKind.JOIN))
        await house.wait_s(40)
        house.is_slow = False
        await client.get("session.started")
        assert client.all("error") == []


async def test_a_session_that_does_not_start_in_time_is_refused(tmp_path):
    async with running(House(tmp_path, start_timeout_s=20)) as house, house.client() as client:
        house.is_slow = True
        await client.hello()
        await client.send("pong")
        await client.send("session.start")
        await until(lambda: house.asked(RequestKind.JOIN))
        await house.wait_s(30)
        assert (await client.get("error"))["code"] == "session_start_timeout"
        house.is_slow = False
        await client.send("session.start")
        await client.get("session.started")


async def test_a_bot_that_is_away_is_named(house, monkeypatch):
    monkeypatch.setattr(desk, "JOIN_ANSWER_S", 0.1)
    house.is_deaf = True
    async with house.client() as client:
        await client.hello()
        await client.send("session.start")
        error = await client.get("error")
        assert (error["code"], error["stage"]) == ("bot_unreachable", "session")
        assert "does not answer" in error["message"]
        house.is_deaf = False
        await client.send("session.start")
        await client.get("session.started")


async def test_a_start_that_nobody_answers_can_be_called_off(house):
    house.is_deaf = True
    async with house.client() as client:
        await client.hello()
        await client.send("session.start")
        await client.send("session.stop")
        assert (await client.get("session.stopped"))["reason"] == "client_requested"
        assert await client.closed() == 1000


async def test_a_greeting_is_spoken_with_its_variables(house):
    async with house.client() as client:
        await client.start(greeting="Hello {{name}}, {{unknown}}!", dynamicVariables={"name": "Ana"})
        await until(lambda: house.asked(RequestKind.SPEAK))
        assert house.asked(RequestKind.SPEAK)[0][0].text == "Hello Ana, {{unknown}}!"


async def test_prompts_keep_their_order(house):
    async with house.client() as client:
        await client.start()
        for number in range(8):
            await client.send("input.text", text=f"{number}", id=f"n{number}")
        await client.get("input.accepted", 7)
    assert [event["id"] for event in client.all("input.accepted")] == [f"n{n}" for n in range(8)]
    assert [request.text for request, _ in house.asked(RequestKind.PROMPT)] == [str(n) for n in range(8)]


async def test_life_signs_end_a_connection_and_the_session_after_it(house):
    async with house.client() as client:
        session = await client.start()
        await client.send("pong")
        await house.wait_s(15)
        await client.get("ping")
        await house.wait_s(45)
        assert await client.closed() == 4408
        assert house.asked(RequestKind.LEAVE) == []
        await house.wait_s(60)
        await until(lambda: house.asked(RequestKind.LEAVE))
        assert house.asked(RequestKind.LEAVE)[0][1] == session


async def test_a_client_that_knows_no_pings_is_inactive_after_a_minute(house):
    async with house.client() as client:
        await client.start()
        await house.wait_s(50)
        await client.get("heartbeat")
        await house.wait_s(10)
        assert (await client.get("session.stopped"))["reason"] == "inactive"
        assert await client.closed() == 4408
