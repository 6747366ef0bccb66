"""BotMain: what people ask, over the bus or in a chat, becomes sessions and turns; this wires it together."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath

from bus import Bus
from bus.messages import HouseState, NodeState, TurnKind
from bus.settings import SessionSettings
from procs.bot_main.backends.base import Store
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.config import BotSettings
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.prompts import system_message
from procs.bot_main.core.record import Terms
from procs.bot_main.core.running import Outcome, Patience
from procs.bot_main.courier import Courier
from procs.bot_main.desk import Desk
from procs.bot_main.front import Front
from procs.bot_main.gate import SessionGate
from procs.bot_main.gpu import GpuPlan
from procs.bot_main.guilds import Guilds
from procs.bot_main.health import HealthBoard
from procs.bot_main.herald import Herald
from procs.bot_main.household import House
from procs.bot_main.ledger import Ledger
from procs.bot_main.links import Links
from procs.bot_main.panel import Panels
from procs.bot_main.persona_now import spoken_system
from procs.bot_main.prompting import Prompting
from procs.bot_main.sessions import Sessions
from procs.bot_main.shelf import Shelf
from procs.bot_main.voice import Voice

CLOSE_S = 1.0
"""For the connections to all services."""
SINK_MARGIN_MS = 1_000
"""The sink's own limit for a start comes first, since it knows the reason."""


@dataclass(frozen=True)
class ChatSide:
    """Everything that only a bot in a chat needs."""

    chat: ChatBackend
    shelf: Shelf
    prefix: str = "!miku"
    """Word that begins a command."""
    joins_per_minute: int = 5
    """Voice joins that Discord is asked for, per server."""
    open_house: Callable[[asyncio.TaskGroup, SessionGate], Awaitable[House]] | None = None
    """Makes the text features once the shelf is loaded; what they need runs in the group."""
    personas: Personas = field(default_factory=Personas)
    """Her selves."""
    timezone: str = "UTC"
    """Of servers that have chosen none."""
    closing: tuple[Callable[[], Awaitable[None]], ...] = ()
    """Lets go of the services' connections, when nothing uses them any more."""
    health: HealthBoard | None = None
    """Where its stores tell how they are."""


class BotMain:
    """The node.

    Args:
        store: what must outlive this process.
        persona: text that says who Miku is.
        side: the chat; None = she is asked over the bus only.
        gpu: makes room on the cards before each session.
    """

    name = "bot_main"
    reads: tuple[str, ...] = (
        "flow.request",
        "control.session.",
        "report.playout.",
        "report.reply",
        "report.spoken",
        "report.health.",
        "report.turn.",
        "report.house",
    )
    writes: tuple[str, ...] = (
        "control.intent",
        "control.turn",
        "control.voice_link",
        "flow.prompt",
        "report.house",
        "report.request",
        "report.turn.bot_main",
    )

    def __init__(
        self,
        bus: Bus,
        bot: BotSettings,
        session: SessionSettings,
        store: Store,
        persona: str,
        side: ChatSide | None = None,
        gpu: GpuPlan | None = None,
    ) -> None:
        self._bus = bus
        self._health = (side.health if side else None) or HealthBoard(bus)
        self._ledger = Ledger(bus, store, self._health)
        self._persona_name = PurePath(bot.persona_file).name or "built-in"
        self._desk = Desk(bus, self._ledger, session.max_sessions)
        system = system_message(persona, bot.name)
        self._sessions = Sessions(bus, self._ledger, _terms(bot, session), system, self._desk.answer)
        self._desk.serve(self._sessions)
        self._side = side
        self._gpu = gpu if gpu and gpu.is_needed else None
        before = [self._make_room] if self._gpu else []
        self._gate = SessionGate(bus, before, is_wanted=self._is_wanted)
        if side:
            self._sessions.system_of = partial(spoken_system, side.shelf, side.personas, bot.name)
        self._front = self._make_front(side, session.max_sessions) if side else None

    async def run(self) -> None:
        """Take up what an earlier life left, then serve until cancelled."""
        try:
            await self._serve()
        finally:
            await self._close()

    async def _serve(self) -> None:
        discord = "connecting" if self._front else "not configured"
        self._bus.report(NodeState.READY, persona=self._persona_name, discord=discord)
        records = await self._ledger.load()
        if self._side:
            await self._side.shelf.load()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gate.run())
            self._sessions.start(tasks, records)
            await self._start_front(tasks)
            tasks.create_task(self._ledger.run())
            tasks.create_task(self._desk.run())

    async def _close(self) -> None:
        """Let go of the connections to services; what is slow about it is left to the kernel."""
        closing = [*(self._side.closing if self._side else ()), *([self._gpu.close] if self._gpu else [])]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(close() for close in closing), return_exceptions=True)

    async def _start_front(self, tasks: asyncio.TaskGroup) -> None:
        if self._front and self._side:
            tasks.create_task(self._side.shelf.run())
            if self._side.open_house:
                self._front.take_in(await self._side.open_house(tasks, self._gate))
            tasks.create_task(self._front.run())
            return
        self._bus.set_state("report.house", HouseState())  # no chat, no features
        # A session in Discord needs the chat for its voice: without one it can't go on.
        for conversation in self._sessions.all:
            if conversation.intent.guild_id and conversation.intent.wanted:
                self._sessions.leave(conversation, Outcome(TurnKind.FAILED, "discord_token_missing"))

    async def _make_room(self, session: str) -> None:
        """Free the cards for a session; one that would not fit ends with the reason."""
        assert self._gpu is not None
        report = await self._gpu.before_session()
        conversation = self._sessions.wanted(session, "")
        if report.is_refused and conversation is not None:
            self._sessions.leave(conversation, Outcome(TurnKind.FAILED, report.code))

    def _is_wanted(self, session: str) -> bool:
        return self._sessions.wanted(session, "") is not None

    def _make_front(self, side: ChatSide, max_sessions: int) -> Front:
        bus, chat, sessions = self._bus, side.chat, self._sessions
        guilds, courier = Guilds(bus, side.shelf, side.timezone, chat.names), Courier(bus, chat)
        sessions.speech_limit_ms = lambda guild_id: 1_000 * guilds.of(guild_id).max_spoken_s
        links = Links(bus, chat, sessions, side.joins_per_minute)
        voice = Voice(bus, chat, self._desk, sessions, links, guilds, side.prefix, max_sessions)
        voice.troubles = lambda: self._health.codes
        if self._gpu:
            voice.cards = self._gpu.latest
        panels = Panels(bus, chat, courier, side.shelf, sessions, voice, guilds)
        prompting = Prompting(bus, chat, sessions, courier, voice, side.prefix)
        sessions.reread = prompting.reread
        herald = Herald(bus, chat, sessions, links, guilds, courier, voice, prompting)
        sessions.audience = herald
        return Front(
            bus, chat, sessions, links, guilds, courier, voice, prompting, herald, panels, self._health,
            side.prefix,
        )  # fmt: skip

    async def stop(self) -> None:
        """Stand by the intents once more: sessions go on without us, and are taken up again."""
        self._sessions.renew()
        await self._ledger.written()
        if self._side:
            await self._side.shelf.written()


def _terms(bot: BotSettings, session: SessionSettings) -> Terms:
    patience = Patience(
        first_token_ms=round(bot.first_token_timeout_s * 1000),
        progress_ms=round(bot.progress_timeout_s * 1000),
        turn_ms=round(bot.turn_timeout_s * 1000),
    )
    return Terms(
        max_waiting=bot.max_waiting,
        history_messages=bot.history_messages,
        patience=patience,
        start_ms=round(session.start_timeout_s * 1000) + SINK_MARGIN_MS,
        idle_ms=session.idle_leave_s * 1000,
        default_user=bot.user_name,
    )
