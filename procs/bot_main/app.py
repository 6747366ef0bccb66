"""BotMain: takes what people ask from outside Discord, and gives each request its one answer.

Requests are decided in `core/requests.py` and carried out by `Sessions`; this is the desk between them.
It never touches text but to hand it on.
"""

import asyncio
import secrets
from functools import partial
from pathlib import PurePath

from bus import Bus
from bus.errors import CODES
from bus.messages import Intent, NodeState, Request, RequestAnswer, RequestKind, TurnKind
from bus.settings import SessionSettings
from bus.topics import SINKS
from procs.bot_main.backends.base import Store
from procs.bot_main.config import BotSettings
from procs.bot_main.core.conversation import Conversation, Terms, session_id
from procs.bot_main.core.prompts import system_message
from procs.bot_main.core.requests import Answers, Situation, Step, judge
from procs.bot_main.core.running import Outcome, Patience
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
        self._max_sessions = session.max_sessions
        self._persona_name = PurePath(bot.persona_file).name or "built-in"
        self._answers = Answers()
        self._health = bus.follow("report.health.")
        system = system_message(persona, bot.name)
        self._sessions = Sessions(bus, self._ledger, _terms(bot, session), system, self._answer)

    async def run(self) -> None:
        """Take up what an earlier life left, then serve until cancelled."""
        self._bus.report(NodeState.READY, persona=self._persona_name)
        records = await self._ledger.load()
        async with asyncio.TaskGroup() as tasks:
            self._sessions.start(tasks, records)
            tasks.create_task(self._ledger.run())
            tasks.create_task(self._take_requests())

    async def stop(self) -> None:
        """Stand by the intents once more: sessions go on without us, and are taken up again."""
        self._sessions.renew()
        await self._ledger.written()

    async def _take_requests(self) -> None:
        async for received in self._bus.pull("flow.request"):
            request: Request = received.message
            if known := self._answers.get(request.id):
                self._answer(known)
            else:
                self._decide(request, received.session)

    def _decide(self, request: Request, session: str) -> None:
        named = "" if request.kind is RequestKind.JOIN else session
        conversation = self._sessions.wanted(named, request.sink)
        verdict = judge(request, self._situation(request, is_wanted=conversation is not None))
        if verdict.step is Step.REFUSE:
            self._answer(RequestAnswer(request.id, False, code=verdict.code))
        elif verdict.step is Step.ACT and request.kind is RequestKind.JOIN:
            self._join(request, conversation)
        elif verdict.step is Step.ACT:
            assert conversation is not None, "refused otherwise"
            self._act(request, conversation)

    def _situation(self, request: Request, *, is_wanted: bool) -> Situation:
        conversations = self._sessions.all
        degraded = {
            src: health.code if health.code in CODES else "session_not_ready"
            for src, _, health in self._health.items()
            if health.state is NodeState.DEGRADED
        }
        return Situation(
            is_sink=request.sink in SINKS,
            is_wanted=is_wanted,
            n_wanted=sum(c.intent.wanted for c in conversations),
            n_leaving=sum(c.is_leaving for c in conversations),
            max_sessions=self._max_sessions,
            degraded=degraded,
        )

    def _join(self, request: Request, conversation: Conversation | None) -> None:
        if conversation is None:
            wall_ms = self._bus.clock.wall_ns() // 1_000_000
            who = request.user or "console"
            intent = Intent(wanted=True, sink=request.sink, since_ms=wall_ms, revision=1, requested_by=who)
            conversation = self._sessions.add(session_id(wall_ms, secrets.token_hex(2)), intent)
        self._sessions.join(conversation, request.id)

    def _act(self, request: Request, conversation: Conversation) -> None:
        if request.kind in (RequestKind.PROMPT, RequestKind.SPEAK):
            self._ask(request, conversation)
            return
        if request.kind is RequestKind.LEAVE:
            self._sessions.leave(conversation, Outcome(TurnKind.CUT))
        else:
            self._sessions.end_turns(conversation, Outcome(TurnKind.CUT))
        self._answer(RequestAnswer(request.id, True, conversation.session))

    def _ask(self, request: Request, conversation: Conversation) -> None:
        session, n_before = conversation.session, conversation.turns.n_before
        asked = self._sessions.ask(conversation, request)
        if asked is None:
            self._answer(RequestAnswer(request.id, False, session, code="busy", waiting=n_before))
        else:
            self._answer(RequestAnswer(request.id, True, session, asked.turn, waiting=n_before))

    def _answer(self, answer: RequestAnswer) -> None:
        self._answers.keep(answer)
        self._ledger.after(partial(self._bus.emit, "report.request", answer, answer.session, answer.turn))


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
