"""bot_main with everybody around it: a sink, a model, a voice and people, all played by the test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bus.messages import (
    Health,
    Intent,
    Mark,
    NodeState,
    Phase,
    PlayoutState,
    Prompt,
    ReplyState,
    Request,
    RequestAnswer,
    RequestKind,
    SessionState,
    SpokenState,
    TurnEvent,
    TurnKind,
    TurnState,
)
from bus.settings import SessionSettings
from bus.testing import FakeClock, MemoryNode
from procs.bot_main import ledger, sessions
from procs.bot_main.app import BotMain, ChatSide
from procs.bot_main.backends.base import Condition
from procs.bot_main.config import BotSettings
from procs.bot_main.core.prompts import PERSONA
from procs.bot_main.core.record import Record
from procs.bot_main.gpu import GpuPlan
from tests.waiting import until

SINK = "discord_voice"
MS_PER_CHARACTER = 50
REQUEST_NUMBERS = itertools.count()


class MemoryStore:
    """Keeps records in memory; `full` makes it a disk that takes no more."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.condition = Condition()
        self.full = False

    def load(self) -> list[Record]:
        return list(self.records.values())

    def write(self, changes: Mapping[str, Record | None]) -> None:
        self.condition = Condition("store_failed", "held in memory only") if self.full else Condition()
        if not self.full:
            written = {**self.records, **changes}
            self.records = {session: record for session, record in written.items() if record}

    def close(self) -> None:
        pass


class InlineExecutor(Executor):
    """Does the work where it is asked for, so that a test knows when it is done."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        return done


class World:
    """One life of bot_main, and what the others say to it."""

    def __init__(
        self,
        clock: FakeClock,
        store: MemoryStore,
        bot: BotSettings,
        session: SessionSettings,
        make_side: Callable[[MemoryNode], ChatSide | None] = lambda node: None,
        make_gpu: Callable[[MemoryNode], GpuPlan | None] = lambda node: None,
    ) -> None:
        self.clock = clock
        self.store = store
        self.node = MemoryNode(BotMain.name, BotMain.reads, clock)
        side, gpu = make_side(self.node), make_gpu(self.node)
        self.app = BotMain(self.node, bot, session, store, PERSONA, side, gpu)
        self.levels: dict[tuple[str, str], object] = {}
        """What the others have on the bus."""

    # --- time ----------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let the app do all that it can do now."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def pass_ms(self, ms: int) -> None:
        """Time passes while everybody goes on repeating their levels."""
        while ms > 0:
            step = min(ms, 1_000)
            self.clock.advance_ms(step)
            ms -= step
            for (topic, session), level in list(self.levels.items()):
                await self.node.deliver(topic, level, session)
            self.node.tick()
            await self.settle()

    # --- what the others say -------------------------------------------------------------------------

    async def level(self, topic: str, level: object, session: str = "") -> None:
        self.levels[topic, session] = level
        await self.node.deliver(topic, level, session)
        await self.settle()

    async def silence(self, topic: str, session: str = "") -> None:
        """A writer is gone: its level runs out."""
        del self.levels[topic, session]
        await self.pass_ms(3_100)

    async def sink(
        self, session: str, phase: Phase, refusal: str = "", reason: str = "", link_revision: int = 0
    ) -> None:
        intent = self.node.states.get(("control.intent", session))
        since_ms = intent.since_ms if intent else self.wall_ms
        revision = intent.revision if intent else 1
        place = (intent.guild_id, intent.voice_channel_id, intent.prompt_channel_id) if intent else (0, 0, 0)
        state = SessionState(SINK, phase, since_ms, revision, refusal, reason, *place, link_revision)
        await self.level(f"control.session.{SINK}", state, session)

    async def health(self, node: str, state: NodeState, code: str = "", pid: int = 1) -> None:
        await self.level(f"report.health.{node}", Health(state, pid, code=code))

    async def reply(self, session: str, turn: int, text: str, complete: bool = True) -> None:
        reason = "stop" if complete else ""
        await self.level("report.reply", ReplyState(turn, text, complete, reason), session)

    async def spoken(self, session: str, turn: int, text: str) -> None:
        """All of the text has become sound, one mark over all of it, at an even pace."""
        duration_ms = len(text) * MS_PER_CHARACTER
        state = SpokenState(turn, duration_ms, complete=True, marks=(Mark(0, 0, len(text)),))
        await self.level("report.spoken", state, session)

    async def played(self, session: str, turn: int, played_ms: int, finished_turn: int = 0) -> None:
        state = PlayoutState(turn, played_ms, buffered_ms=0, finished_turn=finished_turn)
        await self.level(f"report.playout.{SINK}", state, session)

    async def speak(self, session: str, turn: int, text: str, heard_ms: int | None = None) -> None:
        """Model, voice and sink answer a turn: to its end, or up to `heard_ms`."""
        await self.reply(session, turn, text)
        await self.spoken(session, turn, text)
        whole_ms = len(text) * MS_PER_CHARACTER
        if heard_ms is None:
            await self.played(session, turn, whole_ms, finished_turn=turn)
        else:
            await self.played(session, turn, heard_ms)

    async def fails(self, node: str, session: str, turn: int, code: str) -> None:
        event = TurnEvent(TurnKind.FAILED, code=code)
        await self.node.deliver(f"report.turn.{node}", event, session, turn)
        await self.settle()

    # --- what people ask -----------------------------------------------------------------------------

    async def ask(
        self, kind: RequestKind, text: str = "", user: str = "Ann", session: str = "", request: str = ""
    ) -> RequestAnswer | None:
        """Send a request; its answer, None if there is none yet."""
        sent = Request(request or f"request-{next(REQUEST_NUMBERS)}", kind, text=text, user=user)
        n_before = len(self.answers)
        await self.node.deliver("flow.request", sent, session, src="cli")
        await self.settle()
        return next((a for a in self.answers[n_before:] if a.id == sent.id), None)

    async def prompt(self, text: str = "hello", user: str = "Ann", session: str = "") -> RequestAnswer:
        answer = await self.ask(RequestKind.PROMPT, text, user, session)
        assert answer is not None
        return answer

    async def join(self) -> str:
        """Join, and let the sink become active."""
        await self.ask(RequestKind.JOIN)
        session = self.sessions[-1]
        await self.sink(session, Phase.STARTING)
        await self.sink(session, Phase.ACTIVE)
        return session

    # --- what bot_main says --------------------------------------------------------------------------

    @property
    def wall_ms(self) -> int:
        return self.clock.wall_ns() // 1_000_000

    @property
    def answers(self) -> list[RequestAnswer]:
        return [message for topic, message, _, _ in self.node.emitted if topic == "report.request"]

    @property
    def prompts(self) -> list[tuple[int, Prompt]]:
        return [(turn, message) for _, message, _, turn in self.node.pushed]

    def told(self, index: int) -> list[str]:
        """What the model was told in the given prompt, without the persona."""
        return [message.content for message in self.prompts[index][1].messages[1:]]

    @property
    def sessions(self) -> list[str]:
        return [session for topic, session in self.node.states if topic == "control.intent"]

    def intent(self, session: str) -> Intent:
        intent = self.node.states["control.intent", session]
        assert isinstance(intent, Intent)
        return intent

    def turns(self, session: str) -> TurnState:
        state = self.node.states["control.turn", session]
        assert isinstance(state, TurnState)
        return state

    def milestones(self, turn: int) -> list[tuple[TurnKind, str]]:
        return [
            (message.kind, message.code)
            for topic, message, _, of_turn in self.node.emitted
            if topic == "report.turn.bot_main" and of_turn == turn
        ]


class Lives:
    """Starts bot_main again and again on the same clock and store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "BEAT_S", 0)
        monkeypatch.setattr(ledger, "ThreadPoolExecutor", InlineExecutor)
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.bot = BotSettings()
        self.session = SessionSettings()
        self.make_side: Callable[[MemoryNode], ChatSide | None] = lambda node: None
        """What is given of a chat to each life."""
        self.make_gpu: Callable[[MemoryNode], GpuPlan | None] = lambda node: None
        """What makes room on the cards in each life."""

    @asynccontextmanager
    async def begin(self, *levels: tuple[str, object, str]) -> AsyncIterator[World]:
        """A life; ends as if killed.

        Args:
            levels: (topic, message, session) that are on the bus when it starts.
        """
        world = World(self.clock, self.store, self.bot, self.session, self.make_side, self.make_gpu)
        for topic, level, session in levels:
            await world.level(topic, level, session)
        task = asyncio.create_task(world.app.run())
        try:
            await until(lambda: task.done() or world.node.health.state is not NodeState.STARTING)
            await world.settle()
            yield world
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
