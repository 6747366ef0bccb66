"""A kit for features whose parts are played by hand: gate, model, clock, chat; the shelf is the real one.

async with hands(settings={...}, services={...}) as kit_and_parts: ...
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bus.errors import BackendError
from bus.messages import ChatMessage
from bus.testing import FakeClock, ListLog, MemoryNode
from procs.bot_main.backends.base_documents import Document
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.core.chat import Person
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import ScheduleSettings, TextSettings
from procs.bot_main.features.base import Call, Kit
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.hand_chat import ANNA, GENERAL, HOME, HandChat


class HandGate:
    """Open or closed as the test says; remembers what was begun while."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self._open = asyncio.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def is_open(self, feature: str) -> bool:
        return self._open.is_set()

    def may_begin(self, feature: str) -> bool:
        return self.is_open(feature)

    async def opened(self, feature: str) -> None:
        await self._open.wait()

    @asynccontextmanager
    async def work(self, feature: str, *, comes_again: bool = False) -> AsyncIterator[bool]:
        if self._open.is_set():
            self.began.append(feature)
        yield self._open.is_set()


class HandModel:
    """Answers what it was told to; an error code raises."""

    def __init__(self) -> None:
        self.answer = "La la la!"
        self.code = ""
        self.asked: list[Sequence[ChatMessage]] = []
        self.models: list[str] = []
        """Model of each question, empty = the usual one."""

    async def complete(
        self, messages: Sequence[ChatMessage], *, max_tokens: int = 400, model: str = "",
        pictures: Sequence[Picture] = (),
    ) -> str:  # fmt: skip
        self.asked.append(messages)
        self.models.append(model)
        if self.code:
            raise BackendError(self.code, "by hand")
        return self.answer


class DictDocuments:
    """Documents that outlive a shelf: a disk."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Document] = {}
        self.is_full = False
        self.damaged_as = ""

    def load(self) -> dict[tuple[str, str], Document]:
        return dict(self.kept)

    def write(self, changes: dict[tuple[str, str], Document | None]) -> None:
        if self.is_full:
            raise BackendError("store_failed", "by hand")
        for key, body in changes.items():
            if body is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = body

    def close(self) -> None:
        pass


@dataclass
class Hands:
    """The kit and what a test moves."""

    kit: Kit
    clock: FakeClock
    chat: HandChat
    gate: HandGate
    model: HandModel
    log: ListLog
    disk: DictDocuments
    shelf: Shelf = field(repr=False)

    def lines(self, level: str, event: str) -> list[dict[str, object]]:
        """Fields of the log's lines of an event."""
        return [fields for of, what, fields in self.log.lines if (of, what) == (level, event)]

    def now_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000


def call(
    command: str, text: str = "", by: Person = ANNA, guild_id: int = HOME, channel_id: int = GENERAL
) -> Call:
    """Somebody uses a command."""
    return Call(command, text, guild_id, channel_id, 1, by)


@asynccontextmanager
async def hands(
    settings: Sequence[object] = (),
    services: dict[type, Any] | None = None,
    disk: DictDocuments | None = None,
    clock: FakeClock | None = None,
    chat: HandChat | None = None,
    reads: tuple[str, ...] = (),
) -> AsyncIterator[Hands]:
    """A kit with these sections and services; give the same disk again for a next life."""
    node = MemoryNode("bot_main", reads, clock)
    disk, chat, gate, model = disk or DictDocuments(), chat or HandChat(), HandGate(), HandModel()
    shelf = Shelf(node, disk)
    await shelf.load()
    writing = asyncio.create_task(shelf.run())
    kit = Kit(
        node, chat, gate, shelf, model, services or {},
        {type(section): section for section in (ScheduleSettings(), TextSettings(), Personas(), *settings)},
    )  # fmt: skip
    try:
        yield Hands(kit, node.fake_clock, chat, gate, model, node.log, disk, shelf)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
