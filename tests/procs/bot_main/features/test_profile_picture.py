from itertools import pairwise

import pytest
from PIL import Image

from bus.errors import BackendError
from procs.bot_main.backends.base_pictures import Pictures
from procs.bot_main.backends.pictures_folder import PicturesFolder
from procs.bot_main.core.profile_picture import WINDOW_MS
from procs.bot_main.feature_settings import PictureSettings
from procs.bot_main.features.profile_picture import make
from tests.procs.bot_main.features.hands import DictDocuments, call, hands

pytestmark = pytest.mark.unit

COLORS = {"neutral1": "red", "neutral2": "blue", "shy": "green"}


@pytest.fixture
def folder(tmp_path):
    for name, color in COLORS.items():
        Image.new("RGB", (8, 8), color).save(tmp_path / f"{name}.png")
    return tmp_path


def studio(folder, **options):
    settings = [PictureSettings(folder=str(folder), every_h=1)]
    return hands(settings, {Pictures: PicturesFolder(folder)}, **options)


async def test_the_picture_follows_the_mood_and_stays_with_it(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        assert await feature.look()
        assert not await feature.look()
        h.shelf.put("mood", "dm", {"name": "shy"})
        assert await feature.look()
        assert len(h.chat.avatars) == 2


async def test_the_schedule_changes_it_to_another_one(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        for _ in range(8):
            assert await feature.look()
            h.clock.advance_ms(3_600_000)
        assert all(one != other for one, other in pairwise(h.chat.avatars))


async def test_no_more_than_two_changes_in_ten_minutes_and_what_was_wished_for_waits(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        for _ in range(2):
            assert await feature.command(call("avatar", "neutral")) == "How do I look?"
        assert "about 10 min" in await feature.command(call("avatar", "shy"))
        assert len(h.chat.avatars) == 2
        h.clock.advance_ms(WINDOW_MS)
        assert await feature.look()
        assert len(h.chat.avatars) == 3
        assert h.shelf.get("picture", "own")["name"] == "shy.png"


async def test_limit_and_picture_survive_a_restart(folder):
    disk = DictDocuments()
    async with studio(folder, disk=disk) as h:
        for _ in range(2):
            await make(h.kit).command(call("avatar", "shy"))
        clock = h.clock
    async with studio(folder, disk=disk, clock=clock) as h:
        feature = make(h.kit)
        assert not await feature.look()
        await feature.command(call("avatar", "neutral"))
        assert h.chat.avatars == []
        clock.advance_ms(WINDOW_MS)
        assert await feature.look()


async def test_nothing_changes_while_closed_and_it_works_again_afterwards(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        h.gate.close()
        assert not await feature.look()
        await feature.command(call("avatar", "shy"))
        assert h.chat.avatars == []
        h.gate.open()
        assert await feature.look()
        assert h.shelf.get("picture", "own")["name"] == "shy.png", "the wish has waited"


async def test_a_change_that_discord_refuses_waits_and_is_told_once(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        h.chat.fails("set_avatar", "discord_unreachable", times=None)
        for _ in range(60):
            await feature.look()
            h.clock.advance_ms(15_000)
        assert len(h.lines("warning", "feature degraded")) == 1
        assert feature.code == "discord_unreachable"
        h.chat.mend("set_avatar")
        h.clock.advance_ms(WINDOW_MS)
        assert await feature.look()
        assert feature.code == ""
        assert len(h.lines("info", "feature restored")) == 1


async def test_a_folder_that_is_gone_is_told_once_and_to_who_asks(folder):
    async with studio(folder) as h:
        feature = make(h.kit)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        for _ in range(5):
            assert not await feature.look()
        with pytest.raises(BackendError):
            await feature.command(call("avatar"))
        assert [line["code"] for line in h.lines("warning", "feature degraded")] == ["pictures_unusable"]


async def test_the_command_tells_what_there_is(folder):
    async with studio(folder) as h:
        assert "neutral1.png" in await make(h.kit).command(call("avatar", "grumpy"))
        assert h.chat.avatars == []


async def test_a_disk_that_takes_nothing_keeps_discord_from_being_asked(folder, monkeypatch):
    monkeypatch.setattr("procs.bot_main.shelf.PATIENCE_S", 0.02)
    async with studio(folder) as h:
        h.disk.is_full = True
        feature = make(h.kit)
        assert not await feature.look()
        assert (feature.code, h.chat.avatars) == ("store_failed", [])


async def test_without_a_folder_her_picture_stays():
    async with hands([PictureSettings()]) as h:
        feature = make(h.kit)
        await feature.run()
        assert "pictures.folder" in await feature.command(call("avatar"))
