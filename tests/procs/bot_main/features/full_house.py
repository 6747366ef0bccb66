"""A house with all eight features behind the real gate, and occasions for the seven that stand back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bus.messages import Phase, SessionState
from bus.testing import FakeClock, MemoryNode
from procs.bot_main.backends.base_feed import Feed
from procs.bot_main.backends.base_images import Attachments, Painted, Painter, VisionModel
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.backends.base_pictures import Pictures
from procs.bot_main.backends.base_schedule import Scheduler
from procs.bot_main.backends.pictures_folder import PicturesFolder
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import Attachment, Incoming
from procs.bot_main.core.commands import row_of
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import (
    AutonomousSettings,
    BipolarSettings,
    DrawingSettings,
    FigurineSettings,
    PictureSettings,
    ScheduleSettings,
    TextSettings,
    VisionSettings,
)
from procs.bot_main.features.base import Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.house import House
from procs.bot_main.inbox import MARK, Inbox
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.features.hands import DictDocuments, HandModel, call
from tests.procs.bot_main.features.test_behind_the_gate import HandFeed
from tests.procs.bot_main.features.test_schedule import HandScheduler
from tests.procs.bot_main.hand_chat import HandChat
from tests.waiting import until

POLL_MS = 5_000
RETURN_MS = 6_000
"""All work again this long after a session."""
CAT = Attachment(1, "cat.png", "https://cdn.discordapp.com/cat.png", "image/png", 100)
QUARREL = "Evil Miku is so much cooler than Miku, they should fight!!"
POST = "It is Miku Monday!"
WALL_MS = 1_700_000_000_000
"""When the hand-played chat begins."""


class HandPainter:
    """Paints at once."""

    def __init__(self) -> None:
        self.n = 0

    async def paint(self, subject: str, seed: int) -> AsyncIterator[Painted]:
        self.n += 1
        yield Painted("cat.png", b"png")


class HandFiles:
    """Any attachment is a cat."""

    async def pictures(self, attachment: Attachment) -> list[Picture]:
        return [Picture("image/jpeg", b"cat")]


@dataclass
class Home:
    """The house, and what each feature has begun."""

    house: House
    node: MemoryNode
    chat: HandChat
    eyes: HandModel
    painter: HandPainter
    shop: HandFeed

    async def sink(self, phase: Phase) -> None:
        self.phase = phase
        state = SessionState("discord_voice", phase, 1, 1)
        await self.node.deliver("control.session.discord_voice", state, "s")
        await asyncio.sleep(0)

    async def says(self, text: str, **more: object) -> Incoming:
        message = self.chat.says(text, **more)
        self.house.offer(message)
        await asyncio.sleep(0)
        return message

    def feature(self, name: str):
        return self.house.features[name]

    # --- occasions --------------------------------------------------------------------------------

    async def vision(self) -> None:
        await self.says("what is this?", is_addressed=True, attachments=(CAT,))

    async def drawing(self) -> None:
        await self.says("draw a cat", is_addressed=True)
        await self.house.command(call("draw", "a cat"))

    async def bipolar(self) -> None:
        await self.says(QUARREL)

    async def profile_picture(self) -> None:
        await self.house.command(call("avatar", "portrait"))
        await self.feature("profile_picture").look()

    async def autonomous(self) -> None:
        await self.says("chatter")
        await self.feature("autonomous").look()

    async def schedule(self) -> None:
        (job,) = self.feature("schedule").jobs()
        if self.feature("schedule").may_fire(job):
            await self.feature("schedule").fire(job, job.next_ms + self.node.clock.mono_ns())
        await self.feature("schedule").fire(job, job.next_ms + self.node.clock.mono_ns())

    async def figurines(self) -> None:
        self.node.fake_clock.advance_ms(POLL_MS)
        await self.sink(self.phase)
        await self.feature("figurines").look()

    # --- what was begun ---------------------------------------------------------------------------

    def n_begun(self, name: str) -> int:
        """How often a feature has begun something."""
        begun: dict[str, Callable[[], int]] = {
            "vision": lambda: len(self.eyes.asked),
            "drawing": lambda: self.painter.n,
            "bipolar": lambda: sum(one.mask is not None for one in self.chat.posted),
            "profile_picture": lambda: len(self.chat.avatars),
            "autonomous": lambda: sum(emojis not in ([], [MARK]) for emojis in self.chat.reactions.values()),
            "schedule": lambda: self.chat.texts().count(POST),
            "figurines": lambda: self.shop.n,
        }
        return begun[name]()


@asynccontextmanager
async def living(
    tmp_path: Path,
    chat: HandChat | None = None,
    clock: FakeClock | None = None,
    model: HandModel | None = None,
) -> AsyncIterator[Home]:
    """One life of the house.

    Args:
        tmp_path: where its queue is; the same one again for a next life.
        chat, clock: that go on from life to life.
        model: that writes.
    """
    for name in ("default", "portrait"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"{name}.png")
    node = MemoryNode("bot_main", ("control.session.",), clock or FakeClock(wall_ms=WALL_MS))
    gate, shelf = SessionGate(node), Shelf(node, DictDocuments())
    node.fake_clock.advance_ms(2_000)
    chat, eyes, painter, shop = chat or HandChat(), HandModel(), HandPainter(), HandFeed()
    services = {
        VisionModel: eyes,
        Attachments: HandFiles(),
        Painter: painter,
        Pictures: PicturesFolder(tmp_path),
        Feed: shop,
        Scheduler: HandScheduler(),
    }
    sections = (
        TextSettings(),
        VisionSettings("http://eyes"),
        DrawingSettings("http://easel"),
        BipolarSettings(enabled=True, pause_s=0, rounds=1),
        PictureSettings(str(tmp_path), 0),
        AutonomousSettings(True),
        ScheduleSettings(),
        FigurineSettings(HandFeed.url, POLL_MS / 1000),
        Personas(),
    )
    kit = Kit(
        node, chat, gate, shelf, model or HandModel(), services, {type(each): each for each in sections}
    )
    inbox = Inbox(node, chat, SqliteQueue(tmp_path / "queue.db"), 100, 50)
    await inbox.load()
    house = House(kit, inbox, lambda command: row_of(command).feature, lambda message: False)
    tasks = [asyncio.create_task(each()) for each in (gate.run, shelf.run, house.run)]
    home = Home(house, node, chat, eyes, painter, shop)
    await house.command(call("autonomous", "on"))
    await house.command(call("schedule", f"add mon 9:00 {POST}"))
    await until(lambda: chat.avatars and shop.n)  # what each does at its start is done
    try:
        yield home
        assert not tasks[2].done(), tasks[2].exception()
    finally:
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
