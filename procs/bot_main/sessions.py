"""All sessions at work: follows sinks and stages, drives each session's turns, stores, publishes.

Whatever happens (a request, a level that moved, time that passed) leads to the same two steps for its
session: `_tend` does what is due now, `_commit` publishes what has changed by it and has it stored. What
is due is decided in `core/`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

from bus import Bus, LevelView
from bus.errors import PeerStalled
from bus.messages import (
    ChatMessage,
    Intent,
    Phase,
    Request,
    RequestAnswer,
    SessionState,
    TurnEvent,
    TurnKind,
)
from procs.bot_main.audience import Audience
from procs.bot_main.core.conversation import LIVE_PHASES, Conversation
from procs.bot_main.core.prompts import prompt_of
from procs.bot_main.core.record import Ended, Record, Terms, intent_behind
from procs.bot_main.core.requests import ChatOrigin
from procs.bot_main.core.running import HAND_OVER, Asked, Outcome, Running
from procs.bot_main.ledger import Ledger
from procs.bot_main.stages import Stages

BEAT_S = 0.25
"""How often deadlines are looked at: they are seconds, so this much later is nothing."""

RENEW_MS = 10_000
"""A standing intent is stored again this often, so that its age tells how long nobody stood by it."""

STORED_INTENT_MS = 60_000
"""A stored intent older than this is not taken up again, unless its sink still holds the session."""


class Sessions:
    """Every session that is wanted, or that its sink has not let go yet.

    Args:
        system: who Miku is, as the first message to the model.
        answer: tells the people what became of their request.
    """

    def __init__(
        self,
        bus: Bus,
        ledger: Ledger,
        terms: Terms,
        system: ChatMessage,
        answer: Callable[[RequestAnswer], None],
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._terms = terms
        self.system_of: Callable[[int], ChatMessage] = lambda guild_id: system
        """Who Miku is in a guild, as the first message to the model."""
        self.speech_limit_ms: Callable[[int], int] = lambda guild_id: 0
        """How long a reply is spoken in a guild; 0 = to its end."""
        self.reread: Callable[[Asked], Awaitable[None]] = _taken_as_it_is
        """Brings a waiting prompt up to its message, in bounded time."""
        self._rereading: set[str] = set()
        """Sessions whose next prompt is being reread."""
        self._answer = answer
        self._conversations: dict[str, Conversation] = {}
        self._published: dict[tuple[str, str], object] = {}
        self._stages = Stages(bus)
        self._changed = asyncio.Event()
        self.audience: Audience | None = None

    @property
    def all(self) -> list[Conversation]:
        """Every session."""
        return list(self._conversations.values())

    def wanted(self, session: str, sink: str) -> Conversation | None:
        """The wanted session that is meant: the one named, else the one on the sink."""
        meant = (
            c
            for c in self.all
            if c.intent.wanted and (c.session == session if session else c.intent.sink == sink)
        )
        return next(meant, None)

    def in_guild(self, guild_id: int) -> Conversation | None:
        """The wanted session of a Discord server; a direct message (0) has none, whoever else speaks."""
        there = (c for c in self.all if c.intent.wanted and c.intent.guild_id == guild_id)
        return next(there, None) if guild_id else None

    def opened_by(self, request: str) -> Conversation | None:
        """The wanted session that a join request has opened."""
        return next((c for c in self.all if c.intent.wanted and c.opened_by == request), None)

    async def some(self) -> None:
        """Wait until there is a session."""
        while not self._conversations:
            await self._changed.wait()

    async def settled(self, conversation: Conversation) -> str:
        """Wait until a session is active or has ended; returns the code of its end, empty if active."""
        while conversation.intent.wanted and conversation.phase is not Phase.ACTIVE:
            await self._changed.wait()
        return "" if conversation.intent.wanted else conversation.end_code or "session_none"

    def start(self, tasks: asyncio.TaskGroup, records: list[Record]) -> None:
        """Take up the sessions of an earlier life, and follow the others; turns are worked on in `tasks`."""
        self._tasks = tasks
        for record in records:
            self._take_up(record)
        tasks.create_task(self._follow_sinks())
        for level in self._stages.levels:
            tasks.create_task(self._follow_traces(level))
        tasks.create_task(self._take_failures())
        tasks.create_task(self._beat())

    def add(self, session: str, intent: Intent, record: Record | None = None) -> Conversation:
        """A new session, or one that is taken up."""
        self._bus.log.info("session", session=session, sink=intent.sink, taken_up=record is not None)
        conversation = Conversation(session, intent, self._terms, self._now_ms(), record)
        conversation.renew(self._wall_ms(), every_ms=RENEW_MS)
        self._conversations[session] = conversation
        self._commit(conversation)
        self._tell_changed(conversation)
        return conversation

    def join(self, conversation: Conversation, request: str) -> None:
        """Somebody wants Miku in this session; answered once its sink has spoken."""
        conversation.join(request, self._now_ms())
        self._tend(conversation)

    def ask(self, conversation: Conversation, request: Request, origin: ChatOrigin | None) -> Asked | None:
        """Accept a prompt; None when too many wait."""
        asked = conversation.ask(request, origin, self._wall_ms(), self._now_ms())
        self._tend(conversation)
        return asked

    def take_back(self, request: str) -> None:
        """The prompt of a request is taken back, whether it waits or is being answered."""
        for conversation in self.all:
            if ended := conversation.take_back(request, self._now_ms()):
                self._report_ended(conversation, ended)
            self._tend(conversation)

    def reword(self, request: str, text: str, *, verbatim: bool) -> bool:
        """The prompt of a request has new words; False unless it waits."""
        for conversation in self.all:
            if asked := conversation.turns.find(request):
                conversation.turns.reword(asked, text, verbatim=verbatim)
                self._commit(conversation)
                return True
        return False

    def repay(self, conversation: Conversation, requests: Collection[str]) -> None:
        """Prompts that were owed are kept by somebody else now, on disk."""
        conversation.repay(requests)
        if self._conversations.get(conversation.session) is conversation:
            self._commit(conversation)

    def doubt(self) -> None:
        """What happens to messages is not told for a while: prompts that wait are reread before they run."""
        for conversation in self.all:
            conversation.turns.doubt()

    def follow_move(self, session: str, voice_channel_id: int) -> None:
        """She was moved by somebody."""
        if conversation := self._conversations.get(session):
            conversation.follow(voice_channel_id)
            self._commit(conversation)
            self._tell_changed(conversation)

    def end_turns(self, conversation: Conversation, outcome: Outcome) -> None:
        """End the running turn and all that wait."""
        now_ms = self._now_ms()
        just_ended = conversation.observe(self._stages.traces(conversation.session), now_ms)
        ended = conversation.end_all(outcome, now_ms)
        self._commit(conversation)
        self._report_ended(conversation, just_ended, *ended)

    def leave(self, conversation: Conversation, outcome: Outcome) -> None:
        """End a session; its turns end so, and joins that still wait are refused."""
        conversation.withdraw(self._now_ms(), outcome.code)
        self.end_turns(conversation, outcome)
        for request in conversation.take_joiners():
            code = outcome.code or "session_none"
            self._answer(RequestAnswer(request, False, conversation.session, code=code))
        self._bus.log.info("session withdrawn", session=conversation.session, code=outcome.code)
        self._tell_changed(conversation)

    def renew(self) -> None:
        """Stand by every intent now."""
        for conversation in self.all:
            conversation.renew(self._wall_ms(), every_ms=0)
            self._commit(conversation)

    # --- what the others say -------------------------------------------------------------------------

    def _take_up(self, record: Record) -> None:
        state = self._bus.session(record.session)
        is_held = state is not None and state.phase in LIVE_PHASES
        if not is_held and self._wall_ms() - record.renewed_ms > STORED_INTENT_MS:
            self._settle(record)
            return
        self.add(record.session, record.intent, record)
        prompts = (record.running, *record.waiting) if record.running else record.waiting
        for n_before, asked in enumerate(prompts):
            if asked.request:
                self._answer(RequestAnswer(asked.request, True, record.session, asked.turn, waiting=n_before))

    def _settle(self, record: Record) -> None:
        """A session that is taken up no more: what it owes is still owed."""
        if not (record.running or record.waiting or record.owed):
            self._ledger.drop(record.session)
            return
        unwanted = replace(record.intent, wanted=False)
        conversation = self.add(record.session, unwanted, record)
        self.leave(conversation, Outcome(TurnKind.FAILED, "session_none"))

    async def _follow_sinks(self) -> None:
        async for change in self._bus.follow("control.session.").changes():
            conversation = self._conversations.get(change.session)
            if conversation is None and change.new and change.new.phase in LIVE_PHASES:
                # A sink holds a session that we have no memory of: the sink is right.
                conversation = self.add(change.session, intent_behind(change.new))
            if conversation is not None:
                self._sink_says(conversation, change.new)

    def _sink_says(self, conversation: Conversation, state: SessionState | None) -> None:
        now_ms = self._now_ms()
        if code := conversation.sink_says(state, now_ms):
            self.leave(conversation, Outcome(TurnKind.FAILED, code))
        elif state is None:
            self._report_ended(conversation, conversation.lose_sink(now_ms))
        self._tend(conversation)
        self._tell_changed(conversation)

    def _tell_changed(self, conversation: Conversation) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self.audience:
            self.audience.session_changed(conversation)

    async def _follow_traces(self, level: LevelView[Any]) -> None:
        async for change in level.changes():
            if conversation := self._conversations.get(change.session):
                self._tend(conversation)

    async def _take_failures(self) -> None:
        async for received in self._bus.events("report.turn."):
            event: TurnEvent = received.message
            conversation = self._conversations.get(received.session)
            if conversation and event.kind is TurnKind.FAILED:
                conversation.fail_turn(received.turn, received.header.src, event.code)
                self._tend(conversation)

    # --- what is due ---------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await self.some()
            await asyncio.sleep(BEAT_S)
            for conversation in self.all:
                self._look(conversation)

    def _look(self, conversation: Conversation) -> None:
        """What is due because time has passed."""
        now_ms = self._now_ms()
        if conversation.is_over(now_ms):
            self._forget(conversation)
            return
        if code := conversation.overdue(now_ms):
            end = self.end_turns if conversation.began else self.leave
            end(conversation, Outcome(TurnKind.FAILED, code))
        elif conversation.is_unused(now_ms):
            self.leave(conversation, Outcome(TurnKind.CUT, "session_idle"))
        conversation.renew(self._wall_ms(), every_ms=RENEW_MS)
        self._tend(conversation)

    def _tend(self, conversation: Conversation) -> None:
        """What is due because something has changed; nothing of a session that was forgotten meanwhile."""
        if self._conversations.get(conversation.session) is not conversation:
            return
        now_ms = self._now_ms()
        ended = conversation.observe(self._stages.traces(conversation.session), now_ms)
        started = conversation.start_turn(now_ms)
        self._commit(conversation)
        self._report_ended(conversation, ended)
        if started:
            self._tasks.create_task(self._hand_over(conversation, started))
            if self.audience:
                self.audience.turn_started(conversation, started.asked)
        elif (doubtful := conversation.doubtful) and conversation.session not in self._rereading:
            self._rereading.add(conversation.session)
            self._tasks.create_task(self._make_sure(conversation, doubtful))
        for request in conversation.admitted(now_ms):
            self._answer(RequestAnswer(request, True, conversation.session))

    async def _make_sure(self, conversation: Conversation, asked: Asked) -> None:
        await self.reread(asked)
        self._rereading.discard(conversation.session)
        conversation.turns.trust(asked)
        self._tend(conversation)

    async def _hand_over(self, conversation: Conversation, running: Running) -> None:
        session, turn = conversation.session, running.turn
        try:
            system = self.system_of(conversation.intent.guild_id)
            prompt = prompt_of(running.asked, system, conversation.history)
            await self._bus.push("flow.prompt", prompt, session, turn)
        except PeerStalled:
            conversation.fail_turn(turn, HAND_OVER, "peer_stalled")
            self._tend(conversation)
        else:
            self._bus.emit("report.turn.bot_main", TurnEvent(TurnKind.ACCEPTED), session, turn)

    def _report_ended(self, conversation: Conversation, *turns: Ended | None) -> None:
        for ended in filter(None, turns):
            kind, code = ended.outcome.kind, ended.outcome.code
            event = TurnEvent(kind, ended.elapsed_ms, code)
            self._bus.emit("report.turn.bot_main", event, conversation.session, ended.turn)
            self._bus.log.info("turn", session=conversation.session, turn=ended.turn, ended=kind, code=code)
            if self.audience:
                self.audience.turn_ended(conversation, ended)

    # --- what is stored and published ----------------------------------------------------------------

    def _commit(self, conversation: Conversation) -> None:
        """Publish what changed, and have it stored."""
        session, guild_id = conversation.session, conversation.intent.guild_id
        limit_ms = self.speech_limit_ms(guild_id) if guild_id else 0
        for topic, level in (
            ("control.turn", replace(conversation.turn_state, speech_limit_ms=limit_ms)),
            ("control.intent", conversation.intent),
        ):
            if level != self._published.get((topic, session)):
                self._published[topic, session] = level
                self._bus.set_state(topic, level, session)
        self._ledger.put(conversation.record())

    def _forget(self, conversation: Conversation) -> None:
        session = conversation.session
        for topic in ("control.turn", "control.intent"):
            self._bus.clear_state(topic, session)
            del self._published[topic, session]
        del self._conversations[session]
        self._ledger.drop(session)

    def _now_ms(self) -> int:
        return self._bus.clock.mono_ns() // 1_000_000

    def _wall_ms(self) -> int:
        return self._bus.clock.wall_ns() // 1_000_000


async def _taken_as_it_is(asked: Asked) -> None:
    """Where there is no chat, no message can have changed."""
