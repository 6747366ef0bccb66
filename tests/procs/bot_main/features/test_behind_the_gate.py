"""Four features behind the real gate: nothing begins during a session, all of it works afterwards."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from PIL import Image

from bus.messages import Phase, SessionState
from procs.bot_main import gate as gate_module
from procs.bot_main.backends.base_feed import Feed
from procs.bot_main.backends.base_pictures import Pictures
from procs.bot_main.backends.base_schedule import Scheduler
from procs.bot_main.backends.pictures_folder import PicturesFolder
from procs.bot_main.backends.scheduler import ApScheduler
from procs.bot_main.core.feed import Item
from procs.bot_main.core.figurines import Poll
from procs.bot_main.core.gate import row
from procs.bot_main.feature_settings import (
    AutonomousSettings,
    FigurineSettings,
    PictureSettings,
    ScheduleSettings,
)
from procs.bot_main.features import autonomous, figurines, profile_picture
from procs.bot_main.features.autonomous import Autonomous
from procs.bot_main.features.figurines import Figurines
from procs.bot_main.features.profile_picture import ProfilePicture
from procs.bot_main.features.schedule import Schedule
from procs.bot_main.gate import SessionGate
from tests.procs.bot_main.features.hands import Hands, call, hands
from tests.procs.bot_main.features.test_schedule import HandScheduler, late
from tests.procs.bot_main.hand_chat import ANNA
from tests.waiting import until

pytestmark = pytest.mark.unit

ROUNDS = 25


class HandFeed:
    """A shop with one more thing at every look."""

    url = "https://shop.example/feed"

    def __init__(self) -> None:
        self.n = 0

    async def fetch(self, etag: str = "", modified: str = "") -> Poll | None:
        self.n += 1
        return Poll(self.url, tuple(Item(f"{n:016x}", f"Figure {n}") for n in range(self.n)))


@asynccontextmanager
async def home(tmp_path, scheduler: Scheduler | None = None):
    for name in ("neutral1", "neutral2"):
        Image.new("RGB", (8, 8), "red" if name == "neutral1" else "blue").save(tmp_path / f"{name}.png")
    sections = [
        PictureSettings(folder=str(tmp_path), every_h=0.5),
        AutonomousSettings(enabled=True),
        ScheduleSettings(),
        FigurineSettings(feed_url=HandFeed.url),
    ]
    services = {Pictures: PicturesFolder(tmp_path), Feed: HandFeed(), Scheduler: scheduler or HandScheduler()}
    async with hands(sections, services, reads=("control.session.",)) as h:
        gate = SessionGate(h.kit.bus)
        h.clock.advance_ms(2_000)
        watching = asyncio.create_task(gate.run())
        yield h, replace(h.kit, gate=gate)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def session(h, phase: Phase) -> None:
    state = SessionState("discord_voice", phase, 1, 1)
    await h.kit.bus.deliver("control.session.discord_voice", state, "s")
    await asyncio.sleep(0)


class Occasions:
    """Makes one of the features have something to do, and waits until it has nothing more."""

    def __init__(self, h: Hands, feature: ProfilePicture | Figurines | Schedule | Autonomous) -> None:
        self._h = h
        self._feature = feature

    async def give(self) -> None:
        if isinstance(self._feature, Schedule):
            await late(self._h, self._feature, 1)
        elif isinstance(self._feature, Autonomous):
            await self._feature.command(call("autonomous", "on"))
            self._feature.heard(self._h.chat.says("hello"))

    async def taken(self, n: int) -> None:
        """The n-th occasion has been taken."""
        if isinstance(self._feature, Autonomous):  # it looks for ever at a channel that was chosen
            await self._feature.command(call("autonomous", "off"))
            return
        chat, feed = self._h.chat, self._h.kit.service(Feed)
        acts = {
            "profile_picture": lambda: len(chat.avatars),
            "figurines": lambda: feed.n,
            "schedule": lambda: len(chat.texts()),
        }
        await until(lambda: acts[self._feature.name]() == n)


@pytest.mark.parametrize("make", [ProfilePicture, Figurines, Schedule, Autonomous])
async def test_what_stands_back_is_in_the_log_once_a_session_and_nothing_where_nothing_is_due(
    tmp_path, monkeypatch, make
):
    for module in (profile_picture, figurines, autonomous):
        monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(gate_module, "TICK_S", 0.005)

    async with home(tmp_path, ApScheduler(look_s=0.01)) as (h, kit):
        feature = make(kit)
        occasions, looks_s = Occasions(h, feature), 0.05
        await session(h, Phase.ACTIVE)
        running = asyncio.create_task(feature.run())
        for n in (1, 2):
            await occasions.give()
            await until(lambda n=n: len(h.lines("info", "feature stands back")) >= n)
            await asyncio.sleep(looks_s)
            told = {"feature": feature.name, "action": row(feature.name).action}
            assert h.lines("info", "feature stands back") == [told] * n
            await session(h, Phase.IDLE)
            await occasions.taken(n)
            await session(h, Phase.ACTIVE)
            await asyncio.sleep(looks_s)
            assert len(h.lines("info", "feature stands back")) == n, "nothing is due"
            h.clock.advance_ms(3_600_000)
            await session(h, Phase.ACTIVE)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_nothing_begins_during_a_session_and_all_of_it_works_afterwards(tmp_path):
    async with home(tmp_path) as (h, kit):
        picture, shop, diary = ProfilePicture(kit), Figurines(kit), Schedule(kit)
        engine = Autonomous(kit, lambda: 0.0)
        await shop.command(call("figurines", "on"))
        await diary.command(call("schedule", "add mon 9:00 hi"))
        await engine.command(call("autonomous", "on"))
        (job,) = diary.jobs()

        async def everything(round_: int) -> tuple[int, ...]:
            """Give each feature its occasion; how often each has acted so far."""
            await picture.look()
            await shop.look()
            if diary.may_fire(job):
                assert await diary.fire(job, job.next_ms + round_)
            message = h.chat.says("hello")
            engine.heard(message)
            await engine.look()
            n_reactions = sum(bool(emojis) for emojis in h.chat.reactions.values())
            posts = len(h.chat.texts())
            return len(h.chat.avatars), len(h.chat.dms(ANNA)), posts, n_reactions

        before = await everything(0)
        for round_ in range(1, ROUNDS):
            await session(h, Phase.ACTIVE)
            for _ in range(3):
                assert await everything(round_) == before, "blocked"
            await session(h, Phase.IDLE)
            h.clock.advance_ms(3_600_000)
            after = await everything(round_)
            assert all(new == old + 1 for new, old in zip(after, before, strict=True)), "each acts once"
            before = after
