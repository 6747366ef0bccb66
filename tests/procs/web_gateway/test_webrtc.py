"""The sound by WebRTC, to a real peer on this machine."""

import asyncio

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from bus.audio import SAMPLE_RATE_HZ
from bus.messages import AudioFrame
from tests.procs.web_gateway.house import House, running
from tests.waiting import until

pytestmark = pytest.mark.flow

TONE_HZ = 440


@pytest.fixture
async def house(tmp_path):
    async with running(House(tmp_path, webrtc=True)) as house:
        yield house


async def connected(client, path):
    """A peer that hears; returns it and what it hears, `int16[n]` pieces."""
    peer, heard = RTCPeerConnection(RTCConfiguration(iceServers=[])), []
    peer.addTransceiver("audio", direction="recvonly")

    @peer.on("track")
    def listen(track):
        async def read():
            while True:
                frame = await track.recv()
                heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0])

        peer.reading = asyncio.ensure_future(read())

    await peer.setLocalDescription(await peer.createOffer())
    offer = {"type": "offer", "sdp": peer.localDescription.sdp}
    async with client.browser.post(f"{path}/webrtc", json=offer) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    await until(lambda: peer.connectionState == "connected")
    return peer, heard


async def sing(house, session, turn, n_frames):
    times = np.arange(n_frames * 960) / SAMPLE_RATE_HZ
    tone = (8_000 * np.sin(2 * np.pi * TONE_HZ * times)).astype("<i2").reshape(n_frames, 960)
    for index, samples in enumerate(tone):
        frame = AudioFrame(index, 0, samples.tobytes(), final=index == n_frames - 1)
        await house.bus.deliver("flow.audio.web_gateway", frame, session, turn)


async def test_the_sound_takes_the_track_and_comes_back_when_that_fails(house):
    async with house.client() as client:
        session = await client.start()
        call_id = client.all("hello.ack")[0]["sessionId"]
        call = house.node._browsers.call(call_id)
        peer, heard = await connected(client, f"/sessions/{call_id}")
        await until(lambda: call.carrier.is_carrying)
        await sing(house, session, await client.ask(), 40)
        await client.get("output.audio.end")
        await until(lambda: sum(map(len, heard)) > 30 * 960)
        assert client.sound == []
        assert [event["position_ms"] for event in client.all("output.audio.start")] == [0]
        loud = np.concatenate(heard)[10 * 960 : 28 * 960].astype(float)
        spectrum = np.abs(np.fft.rfft(loud * np.hanning(len(loud))))
        assert np.argmax(spectrum) * SAMPLE_RATE_HZ / len(loud) == pytest.approx(TONE_HZ, abs=5)
        peer.reading.cancel()
        await peer.close()
        await until(lambda: call.carrier is None)
        await sing(house, session, await client.ask("More", 1), 3)
        await until(lambda: len(client.sound) == 3)


async def test_an_offer_that_makes_no_sense_is_refused(house):
    async with house.client() as client:
        await client.start()
        path = f"/sessions/{client.all('hello.ack')[0]['sessionId']}/webrtc"
        for body in (
            {},
            {"type": "answer", "sdp": "v=0"},
            {"type": "offer", "sdp": "nonsense"},
            {"type": "offer", "sdp": "v=0\r\nm=audio x y z\r\n"},
            [],
        ):
            async with client.browser.post(path, json=body) as response:
                assert response.status == 400, body
        for text in ("", "{", "[" * 10_000):
            async with client.browser.post(path, data=text) as response:
                assert response.status == 400, text[:10]
        async with house.browser() as other, other.post(path, json={}) as response:
            assert response.status == 403


async def test_it_is_off_unless_it_is_wanted(tmp_path):
    async with (
        running(House(tmp_path)) as house,
        house.browser() as browser,
        browser.post("/sessions/x/webrtc", json={}) as response,
    ):
        assert response.status == 404
