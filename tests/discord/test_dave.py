"""End-to-end encryption through all changes of the group, with the unmodified client library in it."""

import discord
import pytest

from tests.discord.director import Director
from tests.discord.test_voice import heard_hz, join
from tests.discord.tone import pitch_hz, play, tone
from tests.discord.voice.dave.group import Group
from tests.waiting import until

pytestmark = pytest.mark.flow


def group(director: Director) -> Group:
    found = director.discord.switchboard.room(director.places["Lounge"].channel).group
    assert found is not None
    return found


async def is_heard(director: Director, voice: discord.VoiceClient, hz: float) -> None:
    heard = director.places["Lounge"].heard()
    before = heard.frames
    await play(voice, tone(hz, 0.4))
    await until(lambda: heard.frames >= before + 20)
    assert pitch_hz(heard.utterances[-1].samples) == pytest.approx(hz, abs=4)
    assert (heard.clear, list(heard.violations)) == (0, [])


async def test_the_bot_is_welcomed(client: discord.Client, director: Director) -> None:
    director.person("Ann").joins("Lounge")
    voice = await join(client, director)
    assert group(director).commits == [director.person("Ann").user.id]
    await is_heard(director, voice, 440)


async def test_the_commit_of_the_bot_wins(client: discord.Client, director: Director) -> None:
    director.person("Ann").joins("Lounge")
    director.places["Lounge"].people_commit(False)
    voice = await join(client, director)
    assert group(director).commits == [director.bot("Miku").user.id]
    await is_heard(director, voice, 440)


async def test_people_come_and_go(client: discord.Client, director: Director) -> None:
    ann, bob = director.person("Ann"), director.person("Bob")
    ann.joins("Lounge")
    voice = await join(client, director)
    bob.joins("Lounge")
    await until(lambda: len(group(director).members) == 3 and group(director).is_settled)
    await is_heard(director, voice, 440)
    ann.leaves()
    left = {bob.user.id, director.bot("Miku").user.id}
    await until(lambda: group(director).members == left and group(director).is_settled)
    await is_heard(director, voice, 550)
    assert group(director).members == left


async def test_left_alone_the_group_starts_anew(client: discord.Client, director: Director) -> None:
    ann = director.person("Ann")
    ann.joins("Lounge")
    voice = await join(client, director)
    code = voice.voice_privacy_code
    ann.leaves()
    await until(lambda: not voice._connection.can_encrypt)
    ann.joins("Lounge")
    await until(lambda: voice._connection.can_encrypt)
    await is_heard(director, voice, 440)
    assert voice.voice_privacy_code not in (None, code), "the keys of before are of no use"


@pytest.mark.parametrize("damaged", ["dave_welcome", "dave_commit"])
async def test_a_damaged_message_is_recovered_from(
    client: discord.Client, director: Director, damaged: str
) -> None:
    ann, bob, miku = director.person("Ann"), director.person("Bob"), director.bot("Miku").user.id
    ann.joins("Lounge")
    fault = director.faults.arm(damaged, at=str(miku))
    voice = await join(client, director)
    if damaged == "dave_commit":
        bob.joins("Lounge")
    await until(lambda: group(director).recoveries)
    await until(lambda: miku in group(director).members and group(director).is_settled)
    assert fault.struck == 1
    await is_heard(director, voice, 440)


async def test_in_a_room_full_of_people_everybody_is_in_the_group(
    client: discord.Client, director: Director
) -> None:
    for name in ("Ann", "Bob", "Cleo", "Dan"):
        director.person(name).joins("Lounge")
    voice = await join(client, director)
    await until(lambda: len(group(director).members) == 5 and group(director).is_settled)
    await is_heard(director, voice, 440)
    assert await heard_hz(director) == pytest.approx(440, abs=4)
