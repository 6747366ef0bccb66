"""Live chat over real sockets."""

import json

import numpy as np
import pytest

from bus.messages import RequestKind, TurnKind
from tests.waiting import until

pytestmark = pytest.mark.flow


async def listening(house, client):
    """The session's name on the bus, once she listens."""
    await until(lambda: {"type": "status", "state": "listening"} in client.said)
    return next(reversed(house.sessions))


def turn_of(house):
    """The newest prompt's turn."""
    return next(answer for _, answer in reversed(house.asked(RequestKind.PROMPT)))


def states(client):
    return [event["state"] for event in client.all("status")]


async def speak(house, client, session, n_frames):
    await client.send("text", text="Hello")
    await until(lambda: "thinking" in states(client))
    turn = 5_000 + len(house.asked(RequestKind.PROMPT))
    await house.reply(session, turn, "One two.", [(0, 0, 3), (200, 4, 8)], ms=20 * n_frames)
    await house.sound(session, turn, n_frames, value=1_000)
    return turn


async def test_the_session_begins_with_the_connection_and_ends_with_it(house):
    async with house.client("/ws/chat") as client:
        session = await listening(house, client)
        assert client.said[0] == {"type": "status", "state": "starting"}
        assert {"type": "video_mode", "enabled": False} in client.said
    await until(lambda: house.asked(RequestKind.LEAVE))
    assert house.asked(RequestKind.LEAVE)[0][1] == session


async def test_a_reply_comes_as_text_and_as_chunks_of_24_khz(house):
    async with house.client("/ws/chat") as client:
        session = await listening(house, client)
        turn = await speak(house, client, session, 10)
        await until(lambda: len(client.sound) == 10)
        await house.turn_over(session, turn)
        await until(lambda: states(client)[-1] == "listening")
    assert client.all("response_text")[-1] == {
        "type": "response_text",
        "turn_id": turn,
        "text": "One two.",
        "final": True,
    }
    assert client.all("audio_start") == [
        {"type": "audio_start", "turn_id": turn, "chunk_id": 0, "position_ms": 0}
    ]
    assert {len(chunk) for chunk in client.sound} == {960}
    heard = np.frombuffer(b"".join(client.sound), "<i2")
    assert np.all(np.abs(heard[100:] - 1_000) <= 1)
    assert states(client) == ["starting", "listening", "thinking", "speaking", "listening"]


async def test_an_interrupt_names_the_last_chunk_that_was_heard(house):
    async with house.client("/ws/chat") as client:
        session = await listening(house, client)
        turn = await speak(house, client, session, 150)
        await until(lambda: len(client.sound) > 20)
        await client.send("interrupt", last_chunk_id=9)
        assert (await client.get("interrupt"))["turn_id"] == turn
        await until(lambda: house.asked(RequestKind.STOP))
        assert house.playout(session).played_ms == 200
        await house.floor(session, turn + 1)
        await house.turn_over(session, turn, TurnKind.CUT)
        await until(lambda: states(client)[-1] == "listening")
        assert len(client.sound) < 60


async def test_a_barge_in_from_elsewhere_tells_the_client_to_flush(house):
    async with house.client("/ws/chat") as client:
        session = await listening(house, client)
        turn = await speak(house, client, session, 150)
        await until(lambda: len(client.sound) > 5)
        await house.floor(session, turn + 1)
        await house.turn_over(session, turn, TurnKind.CUT)
        interrupt = await client.get("interrupt")
        assert 5 <= interrupt["last_chunk_id"] < 60


async def test_faults_are_named_and_the_microphone_answered_once(house):
    async with house.client("/ws/chat") as client:
        await listening(house, client)
        for message, code in (
            ("{", "protocol.invalid_json"),
            ("3", "protocol.invalid_message"),
            ({"type": "text"}, "protocol.invalid_message"),
            ({"type": "interrupt", "last_chunk_id": -2}, "protocol.invalid_message"),
            ({"type": "hello"}, "protocol.unsupported"),
            (bytes(639), "audio.frame_size_mismatch"),
            (bytes(640), "recognition_missing"),
        ):
            n_errors = len(client.all("error"))
            if isinstance(message, bytes):
                await client.ws.send_bytes(message)
            else:
                await client.ws.send_str(message if isinstance(message, str) else json.dumps(message))
            assert (await client.get("error", n_errors))["code"] == code
        await client.ws.send_bytes(bytes(640))
        await client.send("ping")
        await client.get("pong")
        assert len(client.all("error")) == 7


async def test_a_full_house_is_named_and_closed(house):
    async with house.client("/ws/chat") as first, house.client("/ws/chat") as second:
        await listening(house, first)
        await listening(house, second)
        async with house.client("/ws/chat") as third:
            assert (await third.get("error"))["code"] == "session_active"
            assert await third.closed() == 1000
            assert third.all("status")[-1]["code"] == "session_active"
