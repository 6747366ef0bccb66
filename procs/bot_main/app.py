"""BotMain: takes what people ask from outside Discord, and gives each request its one answer.

Requests are decided in `core/requests.py` and carried out by `Sessions`; this is the desk between them.
It never touches text but to hand it on.
"""

import asyncio
from pathlib import PurePath

from bus import Bus
from bus.messages import NodeState
from bus.settings import SessionSettings
from procs.bot_main.backends.base import Store
from procs.bot_main.config import BotSettings
from procs.bot_main.core.conversation import Terms
from procs.bot_main.core.prompts import system_message
from procs.bot_main.core.running import Patience
from procs.bot_main.desk import Desk
from procs.bot_main.ledger import Ledger
from procs.bot_main.sessions import Sessions

SINK_MARGIN_MS = 1_000
"""The sink's own limit for a start comes first, since it knows the reason."""


class BotMain:
    """The node.

    Args:
        store: what must outlive this process.
        persona: text that says who Miku is.
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
    )
    writes: tuple[str, ...] = (
        "control.intent",
        "control.turn",
        "flow.prompt",
        "report.request",
        "report.turn.bot_main",
    )

    def __init__(
        self, bus: Bus, bot: BotSettings, session: SessionSettings, store: Store, persona: str
    ) -> None:
        self._bus = bus
        self._ledger = Ledger(bus, store)
        self._persona_name = PurePath(bot.persona_file).name or "built-in"
        self._desk = Desk(bus, self._ledger, session.max_sessions)
        system = system_message(persona, bot.name)
        self._sessions = Sessions(bus, self._ledger, _terms(bot, session), system, self._desk.answer)
        self._desk.serve(self._sessions)

    async def run(self) -> None:
        """Take up what an earlier life left, then serve until cancelled."""
        self._bus.report(NodeState.READY, persona=self._persona_name)
        records = await self._ledger.load()
        async with asyncio.TaskGroup() as tasks:
            self._sessions.start(tasks, records)
            tasks.create_task(self._ledger.run())
            tasks.create_task(self._desk.run())

    async def stop(self) -> None:
        """Stand by the intents once more: sessions go on without us, and are taken up again."""
        self._sessions.renew()
        await self._ledger.written()


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
