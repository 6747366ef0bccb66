"""What the voice gateway insists on, with a client that breaks the rules one by one."""

import asyncio
from typing import Any

import discord
import pytest

from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.discord.raw_voice import AES_GCM, XCHACHA, RawVoice, raw_voice
from tests.discord.tone import pitch_hz, tone
from tests.discord.voice.heard import SILENCE
from tests.discord.voice.opus import Encoder
from tests.discord.voice.switchboard import Seat
from tests.waiting import until

pytestmark = pytest.mark.flow


@pytest.fixture
async def seat(client: discord.Client, director: Director) -> Seat:
    """Miku on a stage (no end-to-end encryption there), as a speaker, with Ann listening."""
    director.stage("Stage")
    director.allow(["MUTE_MEMBERS"])
    director.person("Ann").joins("Stage")
    return await take_seat(client, director, "Stage")


async def take_seat(client: discord.Client, director: Director, place: str) -> Seat:
    guild = client.guilds[0]
    await guild.change_voice_state(channel=discord.Object(director.places[place].id))
    seats = director.discord.switchboard.seats
    await until(lambda: seats)
    return next(iter(seats.values()))


async def say(voice: RawVoice, hz: float) -> None:
    encoder = Encoder()
    for frame in tone(hz, 0.4).reshape(-1, 960):
        voice.send(encoder.encode(frame))
        await asyncio.sleep(0)
    for _ in range(5):
        voice.send(SILENCE)


@pytest.mark.parametrize("mode", [XCHACHA, AES_GCM])
async def test_both_encryption_modes_carry_sound(
    loopback: Loopback, director: Director, seat: Seat, mode: str
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        assert mode in voice.ready["modes"]
        await voice.select(mode)
        await voice.speaking()
        await say(voice, 440)
        heard = director.places["Stage"].heard()
        await until(lambda: heard.utterances and heard.utterances[0].is_over)
        assert pitch_hz(heard.samples) == pytest.approx(440, abs=3)
        assert not heard.violations


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([(5, {"speaking": 1, "delay": 0, "ssrc": 1})], 4003),
        ([(99, {})], 4001),
        ([(0, {})], 4002),
        ([(0, {"token": "0" * 16})], 4004),
        ([(0, {"session_id": "other"})], 4006),
        ([(0, {"server_id": "1"})], 4011),
        ([(7, {})], 4002),
        ([(0, {"user_id": "1"})], 4004),
    ],
)
async def test_a_voice_session_starts_with_its_own_credentials(
    loopback: Loopback, seat: Seat, said: list[tuple[int, dict[str, Any]]], code: int
) -> None:
    async with raw_voice(loopback, seat) as voice:
        for op, changed in said:
            data = voice.credentials | changed if changed and op == 0 else changed
            await voice.say(op, data)
        assert await voice.closed_with() == code


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (1, {"protocol": "webrtc", "data": {"mode": XCHACHA}}, 4012),
        (1, {"protocol": "udp", "data": {"mode": "xsalsa20_poly1305"}}, 4016),
        (5, {"speaking": 1, "delay": 0, "ssrc": 1}, 4020),
        (0, {}, 4005),
        (1, {}, 4002),
    ],
)
async def test_rules_after_identify(
    loopback: Loopback, seat: Seat, op: int, data: dict[str, Any], code: int
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        await voice.say(op, data)
        assert await voice.closed_with() == code


async def test_a_client_without_dave_is_turned_away_from_voice_channels(
    loopback: Loopback, client: discord.Client, director: Director
) -> None:
    seat = await take_seat(client, director, "Lounge")
    async with raw_voice(loopback, seat) as voice:
        await voice.say(0, voice.credentials | {"max_dave_protocol_version": 0})
        assert await voice.closed_with() == 4017


async def test_packets_before_speaking_end_the_connection(
    loopback: Loopback, director: Director, seat: Seat
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        await voice.select()
        voice.send(SILENCE)
        assert await voice.closed_with() == 4020
    assert list(director.places["Stage"].heard().violations) == ["RTP before any SPEAKING"]


async def test_broken_rules_of_rtp_are_told(loopback: Loopback, director: Director, seat: Seat) -> None:
    frame = Encoder().encode(tone(440, 0.02))
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        await voice.select()
        await voice.speaking()
        voice.send(frame)
        voice.send(frame, skip=3)
        voice.send(frame, counter=1)
        voice.send(frame, late=100)
        voice.description["secret_key"] = [0] * 32
        voice.send(frame)
        heard = director.places["Stage"].heard()
        await until(lambda: len(heard.violations) == 5)
    assert list(heard.violations) == [
        "sequence goes from 1 to 5",
        "nonce used twice",
        "timestamp step of 1060",
        "timestamp step of 860",
        "packet does not decrypt with this connection's key",
    ]


async def test_speech_that_stops_without_silence_frames_is_told(
    loopback: Loopback, director: Director, seat: Seat
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        await voice.select()
        await voice.speaking()
        voice.send(Encoder().encode(tone(440, 0.02)))
        heard = director.places["Stage"].heard()
        await until(lambda: heard.frames)
        heard.settle(heard.utterances[0].arrivals_ns[-1] + 400_000_000)
    assert list(heard.violations) == ["speech stopped with 0 silence frames"]


async def test_a_resume_goes_on_with_the_same_key_and_port(
    loopback: Loopback, director: Director, seat: Seat
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        await voice.select()
        await voice.speaking()
        voice.send(SILENCE)
        seq = voice.seq
        director.bot("Miku").voice_closes(4015)
        assert await voice.closed_with() == 4015
        director.person("Bob").joins("Stage")
        async with raw_voice(loopback, seat) as again:
            await again.say(7, again.credentials | {"seq_ack": seq})
            assert await again.next(11) == {"user_ids": [str(director.person("Bob").user.id)]}
            await again.next(9)
            voice.send(SILENCE)
            await say(voice, 440)
            heard = director.places["Stage"].heard()
            await until(lambda: heard.frames >= 20)
    assert not heard.violations


@pytest.mark.parametrize("code", [4006, 4009])
async def test_a_resume_of_an_ended_session_is_refused(
    loopback: Loopback, director: Director, seat: Seat, code: int
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        director.bot("Miku").voice_closes(code)
        assert await voice.closed_with() == code
    async with raw_voice(loopback, seat) as again:
        await again.say(7, again.credentials | {"seq_ack": 0})
        assert await again.closed_with() == 4006


async def test_no_voice_heartbeat_closes_with_4009(loopback: Loopback, seat: Seat) -> None:
    loopback.rules.voice_heartbeat_interval_s = 0.1
    async with raw_voice(loopback, seat) as voice:
        assert await voice.closed_with() == 4009


async def test_discovery_can_be_lost_and_keepalives_come_back(
    loopback: Loopback, director: Director, seat: Seat
) -> None:
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
        fault = director.faults.arm("discovery", times=None)
        attempt = asyncio.create_task(voice.discover())
        await until(lambda: fault.struck)
        attempt.cancel()
        director.faults.disarm(fault)
        await voice.select()
        voice.send_raw(b"\x01" + bytes(7))
        assert await voice.receive() == b"\x01" + bytes(7)
        assert director.places["Stage"].heard().keepalives == 1


async def test_a_used_token_can_be_made_worthless(loopback: Loopback, director: Director, seat: Seat) -> None:
    loopback.rules.single_use_voice_tokens = True
    async with raw_voice(loopback, seat) as voice:
        await voice.identify(dave=0)
    async with raw_voice(loopback, seat) as again:
        await again.say(0, again.credentials | {"max_dave_protocol_version": 0})
        assert await again.closed_with() == 4006
