"""The house with features that only count, a gate of the real kind, and a sink played by the test."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bus.messages import Phase, SessionState
from bus.testing import FakeClock, MemoryNode
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.gate import row
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features.base import Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.house import House
from procs.bot_main.inbox import Inbox
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.features.hands import DictDocuments, HandModel
from tests.procs.bot_main.hand_chat import HandChat

WALL_MS = 1_700_000_000_000
"""When the hand-played chat begins."""

PROBE = """
from procs.bot_main.core.chat import Post

class Probe:
    name = "{name}"
    code = ""

    def __init__(self, kit):
        self.kit, self.started, self.hangs = kit, 0, False

    async def run(self):
        pass

    def wants(self, message):
        return message.text.startswith("{name} ")

    async def take(self, message):
        self.started += 1
        if self.hangs:
            import asyncio
            await asyncio.Event().wait()
        await self.kit.chat.send(message.channel_id, Post("done", reply_to=message.id))

    async def command(self, call):
        self.started += 1
        return "carried out"

def make(kit):
    return Probe(kit)
"""


@dataclass
class Home:
    """What a test moves and sees."""

    house: House
    chat: HandChat
    model: HandModel
    node: MemoryNode
    gate: SessionGate
    inbox: Inbox
    shelf: Shelf

    async def sink(self, phase: Phase) -> None:
        await self.node.deliver(
            "control.session.discord_voice", SessionState("discord_voice", phase, 1, 1), "s"
        )
        await asyncio.sleep(0)

    async def says(self, text: str, **more):
        message = self.chat.says(text, **more)
        self.house.offer(message)
        await asyncio.sleep(0)
        return message

    def answered(self) -> list[int]:
        return [posted.post.reply_to for posted in self.chat.posted]

    def log(self, event: str) -> list[dict[str, object]]:
        return [fields for _, what, fields in self.node.log.lines if what == event]


@asynccontextmanager
async def living(tmp_path, rows, chat=None, model=None, plan=None, **limits):
    node = MemoryNode("bot_main", ("control.session.",), FakeClock(wall_ms=WALL_MS))
    chat, model = chat or HandChat(), model or HandModel()
    before = [lambda session: plan.before_session()] if plan else []
    shelf, closed = Shelf(node, DictDocuments()), SessionGate(node, before, rows=rows)
    node.fake_clock.advance_ms(2_000)
    sections = {TextSettings: TextSettings(), Personas: Personas()}
    kit = Kit(node, chat, closed, shelf, model, {}, sections)
    inbox = Inbox(node, chat, SqliteQueue(tmp_path / "queue.db"), limits.get("limit", 100), 50)
    await inbox.load()
    house = House(
        kit,
        inbox,
        lambda command: command,
        lambda message: message.text.startswith("!miku"),
        gpu=plan.lines if plan else dict,
        rows=rows,
    )
    tasks = [asyncio.create_task(each()) for each in (closed.run, shelf.run, house.run)]
    await asyncio.sleep(0.01)
    try:
        yield Home(house, chat, model, node, closed, inbox, shelf)
        assert not tasks[2].done(), tasks[2].exception()
    finally:
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


TEXT = (row("text_chat"),)
