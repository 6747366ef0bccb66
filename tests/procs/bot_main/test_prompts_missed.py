"""What is written in the prompt channel of a session while she is dead is asked aloud, by the real house."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bus.messages import Phase
from bus.testing import MemoryNode
from procs.bot_main import catching_up, gate
from procs.bot_main.app import ChatSide
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.commands import line_of
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features.base import Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.house import House
from procs.bot_main.inbox import Inbox
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.features.hands import HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, BOSS, GENERAL, LOUNGE, MIKU
from tests.procs.bot_main.home import TEXT
from tests.procs.bot_main.test_app_restarts import levels
from tests.waiting import until

pytestmark = pytest.mark.unit
NEW, NEWER = 12, 13
"""Channels where nobody has ever written."""


class Housed:
    """Lives with a house of the real kind."""

    def __init__(self, evenings: Evenings, folder: Path) -> None:
        self.evenings = evenings
        self.chat = evenings.chat
        self.chat.channels |= {NEW: "new", NEWER: "newer"}
        self.chat.writable += [NEW, NEWER]
        self.queue = folder / "queue.db"
        evenings.lives.make_side = self._side

    def _side(self, node: MemoryNode) -> ChatSide:
        shelf = Shelf(node, self.evenings.documents)

        async def open_house(tasks: asyncio.TaskGroup, gate: SessionGate) -> House:
            inbox = Inbox(node, self.chat, SqliteQueue(self.queue), 100, 50)
            await inbox.load()
            sections = {TextSettings: TextSettings(), Personas: Personas()}
            kit = Kit(node, self.chat, gate, shelf, HandModel(), {}, sections)
            return House(kit, inbox, str, is_command, rows=TEXT)

        return ChatSide(self.chat, shelf, open_house=open_house)

    @asynccontextmanager
    async def life(self, before: Evening | None = None) -> AsyncIterator[Evening]:
        on_the_bus = levels(before.world, "control.session", "report") if before else []
        async with self.evenings.begin(*on_the_bus) as evening:
            node = evening.world.node
            await until(lambda: node.health.facts["discord"] == MIKU.name)  # the house is open
            yield evening

    async def calls_her(self, evening: Evening) -> str:
        """By a slash command, where nobody has ever written."""
        self.chat.enters(ANNA, LOUNGE)
        self.chat.invokes("join", channel_id=NEW)
        await until(lambda: bool(evening.world.sessions))
        await evening.world.sink(evening.session, Phase.ACTIVE)
        await evening.settle()
        return evening.session

    async def attends(self, channel_id: int) -> None:
        def is_known() -> bool:
            with closing(sqlite3.connect(f"file:{self.queue}?mode=ro", uri=True)) as db:
                return (channel_id,) in db.execute("SELECT channel_id FROM seen").fetchall()

        await until(is_known)


def is_command(message: Incoming) -> bool:
    return line_of(message, "!miku") is not None


@pytest.fixture
def housed(evenings: Evenings, tmp_path: Path) -> Housed:
    return Housed(evenings, tmp_path)


async def test_the_first_message_ever_in_a_channel_in_which_she_was_called_by_slash(housed: Housed):
    async with housed.life() as before:
        session = await housed.calls_her(before)
        await housed.attends(NEW)
    missed = housed.chat.says("are you there?", channel_id=NEW, by=BERT)
    async with housed.life(before) as after:
        await until(lambda: len(after.world.prompts) == 1)
        assert after.world.told(0) == ["Bert: are you there?"]
        assert after.session == session
        await until(lambda: housed.chat.reactions[missed.id] == ["🎤"])


async def test_the_first_message_ever_in_a_channel_that_was_made_the_prompt_channel(housed: Housed):
    async with housed.life() as before:
        await housed.calls_her(before)
        await before.says(f"!miku settings prompt_channel <#{NEWER}>", by=BOSS)
        await housed.attends(NEWER)
    housed.chat.says("are you there?", channel_id=NEWER)
    housed.chat.says("hello", channel_id=GENERAL)
    async with housed.life(before) as after:
        await until(lambda: len(after.world.prompts) == 1)
        assert after.world.told(0) == ["Anna: are you there?"]


async def test_the_first_message_ever_where_she_was_called_while_the_chosen_channel_is_gone(housed: Housed):
    async with housed.life() as before:
        await before.says(f"!miku settings prompt_channel <#{NEWER}>", by=BOSS)
        await housed.attends(NEWER)
        housed.chat.writable.remove(NEWER)
        del housed.chat.channels[NEWER]
        await housed.calls_her(before)
        await housed.attends(NEW)
    housed.chat.says("are you there?", channel_id=NEW)
    async with housed.life(before) as after:
        await until(lambda: len(after.world.prompts) == 1)
        assert after.world.told(0) == ["Anna: are you there?"]


async def prompts_while_behind(housed: Housed, evening: Evening, texts: list[str]) -> list[Incoming]:
    """People write while what they wrote before can't be fetched for a moment."""
    await housed.calls_her(evening)
    await housed.attends(NEW)
    housed.chat.fails("history")
    housed.chat.comes_online()
    await evening.settle()
    return [await evening.says(text, channel_id=NEW, is_addressed=True) for text in texts]


def written(housed: Housed) -> list[str]:
    return [posted.post.text for posted in housed.chat.posted if posted.channel_id == NEW]


async def test_prompts_that_are_told_and_fetched_count_once(housed: Housed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catching_up, "RETRY_S", 1.0)
    async with housed.life() as evening:
        said = await prompts_while_behind(housed, evening, [f"question {n}" for n in range(6)])
        await until(lambda: housed.chat.n_calls["history"] >= 2)
        await evening.settle()
        assert not [text for text in written(housed) if "wait already" in text]
        assert [asked.text for asked in evening.world.app._sessions.all[0].turns.waiting] == [
            message.text for message in said[1:]
        ]


async def test_prompts_that_were_accepted_and_are_fetched_by_the_next_life_count_once(
    housed: Housed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catching_up, "RETRY_S", 30)
    async with housed.life() as before:
        await prompts_while_behind(housed, before, [f"question {n}" for n in range(6)])
    n_before = housed.chat.n_calls["history"]
    async with housed.life(before) as after:
        await until(lambda: housed.chat.n_calls["history"] > n_before)
        await asyncio.sleep(0.2)
        await after.settle()
        assert not [text for text in written(housed) if "wait already" in text]


async def test_what_was_answered_aloud_is_not_answered_in_writing_once_it_is_fetched(
    housed: Housed, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catching_up, "RETRY_S", 1.0)
    monkeypatch.setattr(gate, "TICK_S", 0.005)
    async with housed.life() as evening:
        (message,) = await prompts_while_behind(housed, evening, ["how are you?"])
        await evening.world.speak(evening.session, evening.world.prompts[-1][0], "Fine.")
        await evening.says("!miku leave", channel_id=NEW)
        await evening.world.sink(evening.session, Phase.IDLE)
        await until(lambda: housed.chat.n_calls["history"] >= 2)
        await evening.pass_ms(3_000)
        await asyncio.sleep(0.2)
        await evening.settle()
        assert not [posted for posted in housed.chat.posted if posted.post.reply_to == message.id]
