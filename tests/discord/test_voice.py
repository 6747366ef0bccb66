"""Voice with the unmodified client library: it joins, is heard, is moved and put out."""

import asyncio

import discord
import pytest

from tests.discord.client import make_client, online
from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.discord.test_rest import voice_channel
from tests.discord.tone import pitch_hz, play, tone
from tests.discord.world.model import Kind
from tests.waiting import until

pytestmark = pytest.mark.flow


async def join(client: discord.Client, director: Director, place: str = "Lounge") -> discord.VoiceClient:
    """Connects; returns when end-to-end encryption is up, too, if somebody else is there."""
    channel = client.get_channel(director.places[place].id)
    assert isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    voice: discord.VoiceClient = await channel.connect(timeout=8, reconnect=False)
    others = director.places[place].voices - {"Miku"}
    if others and director.places[place].channel.kind is Kind.VOICE:
        await until(lambda: voice._connection.can_encrypt)
    return voice


async def heard_hz(director: Director, place: str = "Lounge", frames: int = 20) -> float:
    heard = director.places[place].heard()
    await until(lambda: heard.frames >= frames)
    assert not heard.violations
    return pitch_hz(heard.samples)


async def test_a_tone_is_heard_through_end_to_end_encryption(
    client: discord.Client, director: Director
) -> None:
    director.person("Ann").joins("Lounge")
    voice = await join(client, director)
    assert director.bot("Miku").voice == "Lounge"
    assert voice.voice_privacy_code
    await play(voice, tone(440, 0.5))
    assert await heard_hz(director, frames=25) == pytest.approx(440, abs=3)
    heard = director.places["Lounge"].heard()
    await until(lambda: heard.utterances[0].is_over)
    assert (heard.frames, heard.unheard, len(heard.utterances)) == (25, 0, 1)
    assert heard.pacing.frames == 25
    assert heard.pacing.p50_ms > 0


async def test_on_a_stage_a_tone_is_heard_without_it(client: discord.Client, director: Director) -> None:
    director.stage("Stage")
    director.allow(["MUTE_MEMBERS"])
    director.person("Ann").joins("Stage")
    await until(lambda: client.get_channel(director.places["Stage"].id))
    voice = await join(client, director, "Stage")
    assert voice._connection.dave_protocol_version == 0
    await play(voice, tone(660, 0.4))
    assert await heard_hz(director, "Stage") == pytest.approx(660, abs=3)


async def test_on_a_stage_a_listener_is_not_heard_until_made_a_speaker(
    client: discord.Client, director: Director
) -> None:
    director.stage("Stage")
    director.person("Ann").joins("Stage")
    await until(lambda: client.get_channel(director.places["Stage"].id))
    voice = await join(client, director, "Stage")
    await play(voice, tone(660, 0.1))
    assert director.places["Stage"].heard().frames == 0
    with pytest.raises(discord.Forbidden):
        await voice.guild.me.edit(suppress=False)
    director.allow(["MUTE_MEMBERS"])
    await voice.guild.me.edit(suppress=False)
    await play(voice, tone(660, 0.4))
    assert await heard_hz(director, "Stage") == pytest.approx(660, abs=3)


async def test_alone_in_the_channel_nobody_hears_it(client: discord.Client, director: Director) -> None:
    voice = await join(client, director)
    await play(voice, tone(440, 0.1))
    heard = director.places["Lounge"].heard()
    await until(lambda: heard.unheard >= 5)
    assert (heard.frames, heard.clear) == (0, 0)


async def test_frames_before_the_group_is_ready_are_not_heard(
    client: discord.Client, director: Director
) -> None:
    voice = await join(client, director)
    director.person("Ann").joins("Lounge")
    voice.send_audio_packet(b"\xfc" + bytes(40), encode=False)
    heard = director.places["Lounge"].heard()
    await until(lambda: heard.unheard == 1)
    assert heard.clear == 1


@pytest.mark.parametrize("refusal", ["full", "no permission", "swallowed"])
async def test_a_refused_join_is_not_answered(
    client: discord.Client, director: Director, refusal: str
) -> None:
    lounge = director.places["Lounge"]
    if refusal == "full":
        director.person("Ann").joins("Lounge")
        lounge.limit(1)
    elif refusal == "no permission":
        lounge.forbid("Miku", ["CONNECT"])
    else:
        director.faults.arm("op4", do="swallow")
    with pytest.raises(asyncio.TimeoutError):
        await voice_channel(client, director).connect(timeout=0.3, reconnect=False)
    assert director.journal.wishes[0].outcome == refusal
    assert "Miku" not in lounge.voices


async def test_a_move_is_followed_and_the_tone_goes_on(client: discord.Client, director: Director) -> None:
    director.voice_place("Attic")
    director.person("Ann").joins("Attic")
    voice = await join(client, director)
    director.bot("Miku").is_moved("Attic")
    await until(lambda: voice.channel.id == director.places["Attic"].id)
    await until(lambda: director.bot("Miku").is_connected and voice._connection.can_encrypt)
    await play(voice, tone(550, 0.4))
    assert await heard_hz(director, "Attic") == pytest.approx(550, abs=3)
    assert director.places["Lounge"].voices == set()


async def test_a_kick_ends_the_connection(client: discord.Client, director: Director) -> None:
    voice = await join(client, director)
    director.bot("Miku").is_kicked()
    await until(lambda: not voice.is_connected())
    assert director.bot("Miku").voice is None
    assert 4014 in director.journal.voice_closes


async def test_a_deleted_channel_puts_everybody_out(client: discord.Client, director: Director) -> None:
    voice = await join(client, director)
    lounge = director.places["Lounge"].id
    director.places["Lounge"].delete()
    await until(lambda: not voice.is_connected())
    assert director.bot("Miku").voice is None
    assert client.get_channel(lounge) is None


async def test_another_voice_server_is_followed(client: discord.Client, director: Director) -> None:
    director.person("Ann").joins("Lounge")
    voice = await join(client, director)
    before = voice.endpoint
    director.bot("Miku").changes_server()
    await until(lambda: voice.endpoint != before and voice.is_connected())
    await until(lambda: director.bot("Miku").is_connected and voice._connection.can_encrypt)
    await play(voice, tone(440, 0.4))
    assert await heard_hz(director) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("code", [1000, 4006, 4009, 4011, 4014, 4015, 4016, 4017, 4020, 4021, 4022])
async def test_close_codes_reach_the_client(
    client: discord.Client, director: Director, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    voice = await join(client, director)
    with caplog.at_level("DEBUG", "discord.gateway"):
        director.bot("Miku").voice_closes(code)
        await until(lambda: f"data={code}," in caplog.text)
    await stopped(voice)
    assert code in director.journal.voice_closes


async def test_a_cut_connection_reaches_the_client_as_1006(
    client: discord.Client, director: Director
) -> None:
    voice = await join(client, director)
    socket = voice.ws.ws
    director.bot("Miku").voice_is_cut()
    await until(lambda: socket.closed)
    assert socket.close_code == 1006
    await stopped(voice)


async def stopped(voice: discord.VoiceClient) -> None:
    """The library's reader of this connection has ended, whatever it thinks of it."""
    runner = voice._connection._runner
    assert runner is not None
    runner.cancel()
    await asyncio.wait({runner})
    if not runner.cancelled():
        runner.exception()


async def test_lost_packets_are_concealed(client: discord.Client, director: Director) -> None:
    director.person("Ann").joins("Lounge")
    voice = await join(client, director)
    director.faults.loss = 0.2
    await play(voice, tone(440, 0.8))
    heard = director.places["Lounge"].heard()
    await until(lambda: heard.frames + heard.lost >= 40)
    assert heard.lost > 0
    assert pitch_hz(heard.samples) == pytest.approx(440, abs=3)


async def test_a_person_speaks_and_the_bot_can_decrypt_it(client: discord.Client, director: Director) -> None:
    from tests.discord.receiving import Receiver

    ann = director.person("Ann")
    ann.joins("Lounge")
    voice = await join(client, director)
    receiver = Receiver(voice, ann.user.id)
    await ann.speaks(tone(330, 0.4))
    await until(lambda: len(receiver.frames) >= 20)
    assert pitch_hz(receiver.samples) == pytest.approx(330, abs=4)


async def test_a_lost_main_session_takes_voice_with_it(client: discord.Client, director: Director) -> None:
    voice = await join(client, director)
    voice._connection.timeout = 0.1
    director.bot("Miku").loses_session()
    await until(lambda: director.journal.voice_closes)
    assert director.journal.voice_closes[0] == 4014
    assert director.places["Lounge"].voices == set()


async def test_a_killed_bot_leaves_a_ghost_that_its_next_life_takes_over(
    loopback: Loopback, director: Director
) -> None:
    token = director.bot("Miku").token
    async with online(make_client(loopback), token) as client:
        await join(client, director)
        director.bot("Miku").gateway_is_cut()
        client._connection._voice_clients.clear()
    assert director.places["Lounge"].voices == {"Miku"}
    async with online(make_client(loopback), token) as client:
        assert client.guilds[0].me.voice is not None
        await join(client, director)
        assert director.journal.wishes[-1].outcome == "moved"
        assert director.bot("Miku").is_connected
