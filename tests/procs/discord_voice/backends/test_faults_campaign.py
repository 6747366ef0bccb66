"""Each close code and fault twenty times: the table holds every time, and nothing is left behind."""

from pathlib import Path

import discord
import pytest

from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.procs.discord_voice.backends.conftest import SESSION, House, housed
from tests.procs.discord_voice.backends.test_discord_sink import IDENTIFIED, RENEWED, RESUMED
from tests.waiting import until

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]

ROUNDS = 20


async def mended(house: House, code: int) -> None:
    """The code strikes in mid-sentence; she is heard again."""
    house.say("to be cut")
    await until(lambda: house.director.places["Lounge"].heard().frames > 5)
    if code == 1006:
        house.director.bot("Miku").voice_is_cut()
    else:
        house.director.bot("Miku").voice_closes(code)
    await until(lambda: bool(house.moves))
    await house.is_said()
    await until(lambda: house.is_connected)
    await house.hears("ok")


@pytest.mark.parametrize("code", [*RESUMED, *RENEWED, *IDENTIFIED, 4014, 4022])
async def test_each_code_is_mended_every_time(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: Path, code: int
) -> None:
    director.person("Ann").joins("Lounge")
    for _ in range(ROUNDS):
        async with housed(loopback, director, client, tmp_path) as house:
            await house.join()
            await until(lambda house=house: house.is_connected)
            director.places["Lounge"].heard().frames = 0
            await mended(house, code)
            assert house.lost == ""
            assert not director.places["Lounge"].heard().violations
            await house.sink.leave(SESSION)
            await house.switch.leave()
        await until(lambda: director.places["Lounge"].voices == {"Ann"})


@pytest.mark.parametrize(("code", "error"), [(4017, "voice_dave_missing"), (4021, "voice_rate_limited")])
async def test_each_final_code_ends_it_every_time(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: Path, code: int, error: str
) -> None:
    for _ in range(ROUNDS):
        async with housed(loopback, director, client, tmp_path) as house:
            await house.join()
            director.bot("Miku").voice_closes(code)
            assert await until(lambda house=house: house.lost) == error
            await house.switch.leave()
        await until(lambda: director.places["Lounge"].voices == set())


async def test_joined_moved_kicked_and_left_a_hundred_times_nothing_stays_behind(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: Path
) -> None:
    miku = director.bot("Miku")
    for number in range(100):
        async with housed(loopback, director, client, tmp_path) as house:
            await house.join()
            if number % 3 == 1:
                miku.is_moved("Attic")
                await until(lambda house=house: len(house.events) == 1 and house.is_connected)
            if number % 3 == 2:
                miku.is_kicked()
                assert await until(lambda house=house: house.lost) == "voice_kicked"
            await house.sink.leave(SESSION)
            await house.switch.leave()
        await until(lambda: not director.places["Lounge"].voices | director.places["Attic"].voices)
    assert all(not server.connections for server in loopback.switchboard.servers)
