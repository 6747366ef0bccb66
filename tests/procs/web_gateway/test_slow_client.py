"""A client that stops reading: bounded memory, and nobody else is late."""

import asyncio
from functools import partial
from itertools import accumulate

import pytest

from bus.messages import TurnKind
from procs.web_gateway.core.outbox import SOUND_LIMIT, TEXT_LIMIT
from tests.procs.sink.sound import last_sample
from tests.procs.web_gateway.house import Client
from tests.waiting import until

pytestmark = pytest.mark.flow


async def test_ten_thousand_frames_to_a_client_that_does_not_read(house):
    async with house.browser() as browser, house.client() as other:
        stuck = await browser.ws_connect("/ws", max_msg_size=0)
        await stuck.send_json({"type": "hello", "version": "v1"})
        await stuck.send_json({"type": "session.start", "metadata": {"output": {"sample_rate_hz": 48_000}}})
        session = await until(lambda: next(iter(house.sessions), None))
        call = await until(lambda: house.node._browsers._sessions.get(session))
        stuck._response.connection.transport.pause_reading()
        turn = 5_001
        frame = bytes(1_920)
        for index in range(10_000):
            call._send(turn, 20 * index, frame)
            assert call.connection.n_waiting <= 2 * SOUND_LIMIT
        # meanwhile another session is served
        its = await other.start(output={"sample_rate_hz": 48_000})
        its_turn = await other.ask()
        await house.sound(its, its_turn, 10)
        await until(lambda: len(other.sound) == 10)
        assert [last_sample(pcm) for pcm in other.sound] == list(range(1, 11))
        # and when it reads again, it is told where the sound goes on
        stuck._response.connection.transport.resume_reading()
        client = Client(stuck, browser)
        await until(lambda: len(client.all("output.audio.start")) > 1)
        positions = [event["position_ms"] for event in client.all("output.audio.start")]
        assert positions == sorted(set(positions))
        await stuck.close()


async def test_a_client_that_does_not_read_delays_no_frame_of_another(house):
    """Two sessions keep in step to the frame, however busy the machine is: their deadlines decide.

    Were the one that does not read waited for anywhere, the other would never get its last frame.
    """
    async with house.browser() as browser, house.client() as other:
        stuck = await browser.ws_connect("/ws")
        await stuck.send_json({"type": "hello", "version": "v1"})
        await stuck.send_json({"type": "session.start", "metadata": {"output": {"sample_rate_hz": 48_000}}})
        its = await other.start(output={"sample_rate_hz": 48_000})
        stuck_session = await until(lambda: next((s for s in house.sessions if s != its), None))
        calls = house.node._browsers._sessions
        call = await until(lambda: calls.get(stuck_session))
        await until(lambda: house.bus.session(stuck_session))
        stuck._response.connection.transport.pause_reading()
        for index in range(10_000):  # the socket and the outbox are full before the race begins
            call._send(5_000, 20 * index, bytes(1_920))
        left = []
        for name, one in (("stuck", call), ("other", calls[its])):
            one._frame = partial(_noted, left, name, one._frame)
        await house.sound(stuck_session, 5_001, 60)
        await house.sound(its, 5_001, 60)
        await until(lambda: len(other.sound) == 60)
        assert [last_sample(pcm) for pcm in other.sound] == list(range(1, 61))
        together = left[left.index("other") : 60]
        assert len(together) > 20
        leads = list(accumulate(1 if name == "other" else -1 for name in together))
        assert max(leads) - min(leads) <= 2
        stuck._response.connection.transport.abort()


def _noted(left, name, frame, *args):
    left.append(name)
    frame(*args)


async def test_a_client_that_takes_no_events_is_closed_and_may_come_back(house):
    async with house.browser() as browser:
        stuck = await browser.ws_connect("/ws")
        await stuck.send_json({"type": "hello", "version": "v1"})
        await stuck.send_json({"type": "session.start"})
        session = await until(lambda: next(iter(house.sessions), None))
        call = await until(lambda: house.node._browsers._sessions.get(session))
        await until(lambda: house.bus.session(session))
        stuck._response.connection.transport.pause_reading()
        for _ in range(TEXT_LIMIT + 100):
            call.unrecognised(250)
        await until(lambda: call.connection is None)
        async with browser.post(f"/sessions/{call.id}/reconnect") as response:
            assert response.status == 200
        stuck._response.connection.transport.abort()


async def test_what_waits_for_a_slow_client_is_left_out_when_the_turn_is_cut(house):
    async with house.browser() as browser:
        stuck = await browser.ws_connect("/ws")
        await stuck.send_json({"type": "hello", "version": "v1"})
        await stuck.send_json({"type": "session.start", "metadata": {"output": {"sample_rate_hz": 48_000}}})
        session = await until(lambda: next(iter(house.sessions), None))
        call = await until(lambda: house.node._browsers._sessions.get(session))
        await until(lambda: house.bus.session(session))
        stuck._response.connection.transport.pause_reading()
        call.accepted(5_001, 0, "", 0)
        for index in range(3_000):
            call._send(5_001, 20 * index, bytes(1_920))
            await asyncio.sleep(0)
        assert call.connection.n_waiting > 20
        await house.floor(session, 5_002)
        await house.turn_over(session, 5_001, TurnKind.CUT)
        await until(lambda: call.connection.n_waiting < 20)
        stuck._response.connection.transport.abort()
