"""An evening in a Discord server: bot_main with a chat played by hand, and everybody around it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bus.errors import BackendError
from bus.messages import Intent, NodeState, Phase, VoiceLink
from bus.testing import MemoryNode
from procs.bot_main import front, handing_over, links, shelf
from procs.bot_main.app import ChatSide
from procs.bot_main.backends.base_documents import Document
from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.features.base import Call
from procs.bot_main.gate import SessionGate
from procs.bot_main.health import HealthBoard
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.hand_chat import ANNA, HOME, LOUNGE, MIKU, HandChat
from tests.procs.bot_main.world import InlineExecutor, Lives, World

JOINED = "🎤 Joined Lounge! Send messages here to make me speak."


class MemoryDocuments:
    """Documents in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Document] = {}
        self.damaged_as = ""
        self.is_full = False

    def load(self) -> dict[tuple[str, str], Document]:
        return dict(self.kept)

    def write(self, changes: dict[tuple[str, str], Document | None]) -> None:
        if self.is_full:
            raise BackendError("store_failed", "by hand")
        merged: dict[tuple[str, str], Any] = {**self.kept, **changes}
        self.kept = {key: body for key, body in merged.items() if body is not None}

    def close(self) -> None:
        pass


class NotingHouse:
    """The text features, as somebody who only writes down what comes."""

    def __init__(self) -> None:
        self.offered: list[Incoming] = []
        self.reworded: list[Incoming] = []
        self.gone: list[int] = []
        self.calls: list[Call] = []
        self.passed_over: list[Incoming] = []
        self.taken_over: list[Incoming] = []
        self.attended: list[tuple[int, int]] = []
        self.sift: Callable[[Incoming], Incoming | None] = lambda message: message
        self.n_online = 0
        self.n_offline = 0

    async def run(self) -> None:
        pass

    def offer(self, message: Incoming) -> None:
        self.offered.append(message)

    def is_wish(self, message: Incoming) -> bool:
        return message.text.startswith("draw ")

    def edited(self, message: Incoming) -> None:
        self.reworded.append(message)

    def deleted(self, message_ids: tuple[int, ...]) -> None:
        self.gone += message_ids

    async def command(self, call: Call) -> str:
        self.calls.append(call)
        return f"{call.command}: {call.text}"

    def dealt_with(self, message: Incoming) -> None:
        self.passed_over.append(message)

    def attend(self, channel_id: int, since_id: int) -> None:
        self.attended.append((channel_id, since_id))

    async def take_over(self, messages: Sequence[Incoming]) -> bool:
        self.taken_over += messages
        return True

    def online(self, sift: Callable[[Incoming], Incoming | None]) -> None:
        self.n_online += 1
        self.sift = sift

    def offline(self) -> None:
        self.n_offline += 1

    def queue_text(self, person: Person, guild_id: int) -> str:
        return "2 of your messages wait." if person == ANNA else ""


class Evening:
    """One life of bot_main in a server."""

    def __init__(self, world: World, chat: HandChat, house: NotingHouse) -> None:
        self.world = world
        self.chat = chat
        self.house = house

    async def settle(self) -> None:
        """Let timers of no length run out too."""
        for _ in range(4):
            await self.world.settle()

    async def pass_ms(self, ms: int) -> None:
        await self.world.pass_ms(ms)
        await self.settle()

    async def says(self, text: str, **how: Any) -> Incoming:
        message = self.chat.says(text, **how)
        await self.settle()
        return message

    async def all_ready(self) -> None:
        for node in ("llm_streamer", "tts_bridge"):
            await self.world.health(node, NodeState.READY)

    async def joins(self) -> str:
        """Anna calls her, and the sink becomes active; the session."""
        self.chat.enters(ANNA, LOUNGE)
        await self.says("!miku join")
        session = self.session
        await self.world.sink(session, Phase.STARTING)
        await self.world.sink(session, Phase.ACTIVE)
        await self.settle()
        assert self.texts[-1] == JOINED
        return session

    @property
    def session(self) -> str:
        return self.world.sessions[-1]

    @property
    def intent(self) -> Intent:
        return self.world.intent(self.session)

    @property
    def texts(self) -> list[str]:
        return self.chat.texts()

    @property
    def place(self) -> int:
        """The voice channel she is in."""
        return self.chat.voice_of(HOME, MIKU.id)

    def link(self, session: str) -> VoiceLink:
        link = self.world.node.states["control.voice_link", session]
        assert isinstance(link, VoiceLink)
        return link


class Evenings:
    """Lives on the same store, shelf and Discord."""

    def __init__(self, lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shelf, "ThreadPoolExecutor", InlineExecutor)
        monkeypatch.setattr(shelf, "RETRY_S", 0.005)
        monkeypatch.setattr(links, "BEAT_S", 0)
        monkeypatch.setattr(front, "BEAT_S", 0)
        monkeypatch.setattr(handing_over, "LOOK_S", 0)
        self.lives = lives
        self.documents = MemoryDocuments()
        self.chat = HandChat()
        self.house = NotingHouse()
        self.n_turns_to_open = 0
        """Turns of the loop that the house takes to be opened: its disk is slow."""
        self.n_closed = 0
        """Lives that let go of their services."""
        lives.make_side = self._side

    def _side(self, node: MemoryNode) -> ChatSide:
        health = HealthBoard(node)
        shelf = Shelf(node, self.documents, health)
        return ChatSide(self.chat, shelf, open_house=self._open_house, closing=(self._close,), health=health)

    async def _close(self) -> None:
        self.n_closed += 1

    async def _open_house(self, tasks: asyncio.TaskGroup, gate: SessionGate) -> NotingHouse:
        for _ in range(self.n_turns_to_open):
            await asyncio.sleep(0)
        return self.house

    @asynccontextmanager
    async def begin(self, *levels: tuple[str, object, str]) -> AsyncIterator[Evening]:
        async with self.lives.begin(*levels) as world:
            evening = Evening(world, self.chat, self.house)
            self.chat.comes_online()
            await evening.all_ready()
            await evening.settle()
            yield evening
