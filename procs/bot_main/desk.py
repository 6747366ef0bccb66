"""The desk: takes requests from the bus and from the chat, and gives each its one answer.

Requests are decided in `core/requests.py` and carried out by `Sessions`. It never touches text but to hand
it on.
"""

import asyncio
import secrets
from functools import partial

from bus import Bus
from bus.errors import CODES
from bus.messages import Intent, NodeState, Request, RequestAnswer, RequestKind, TurnKind
from bus.topics import SINKS
from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.record import session_id
from procs.bot_main.core.requests import Answers, ChatOrigin, Situation, Step, judge
from procs.bot_main.core.running import Outcome
from procs.bot_main.ledger import Ledger
from procs.bot_main.sessions import Sessions

RETRY_S = 0.25
"""A request that must wait for a place is looked at again after this; tools on the bus do so themselves."""

PATIENCE_S = 5.0
"""So long a request of the chat waits for its answer; a session leaves in two."""


class Desk:
    """All requests.

    Args:
        max_sessions: places in all.
    """

    def __init__(self, bus: Bus, ledger: Ledger, max_sessions: int) -> None:
        self._bus = bus
        self._ledger = ledger
        self._max_sessions = max_sessions
        self._answers = Answers()
        self._health = bus.follow("report.health.")
        self._awaited: dict[str, set[asyncio.Future[RequestAnswer]]] = {}
        """Request of the chat that was not told its answer yet → who waits for it; each for itself."""
        self._sessions: Sessions

    def serve(self, sessions: Sessions) -> None:
        """Who carries requests out."""
        self._sessions = sessions

    def knows(self, request: str) -> bool:
        """Whether a request was answered before."""
        return self._answers.get(request) is not None

    async def run(self) -> None:
        """Take what comes over the bus, until cancelled."""
        async for received in self._bus.pull("flow.request"):
            request: Request = received.message
            if known := self._answers.get(request.id):
                self.answer(known)
            else:
                self._decide(request, received.session)

    async def ask(self, request: Request, origin: ChatOrigin) -> RequestAnswer:
        """A request of the chat and its answer; what was accepted is stored by then.

        Where storing takes longer than anybody waits, it is answered all the same: what was begun is not
        denied.
        """
        known = self._answers.get(request.id)
        if known and request.id not in self._awaited:
            return known
        future: asyncio.Future[RequestAnswer] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(request.id, set()).add(future)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not future.done():
                    if self._answers.get(request.id) is None:
                        self._decide(request, "", origin)
                    await asyncio.wait([future], timeout=RETRY_S)
        except TimeoutError:
            known = self._answers.get(request.id)
            return known or RequestAnswer(request.id, False, code="session_not_ready")
        finally:
            self._forget(request.id, future)
        return future.result()

    def _forget(self, request: str, future: asyncio.Future[RequestAnswer]) -> None:
        waiting = self._awaited.get(request, set())
        waiting.discard(future)
        if not waiting:
            self._awaited.pop(request, None)

    def _meant(self, request: Request, session: str, origin: ChatOrigin | None) -> Conversation | None:
        """The session that a request is about; for a join, the one that it would join."""
        if origin is not None:
            return self._sessions.in_guild(origin.guild_id)
        if request.kind is not RequestKind.JOIN:
            return self._sessions.wanted(session, request.sink)
        if request.own:
            return self._sessions.opened_by(request.id)
        return self._sessions.wanted("", request.sink)

    def _decide(self, request: Request, session: str, origin: ChatOrigin | None = None) -> None:
        conversation = self._meant(request, session, origin)
        verdict = judge(request, self._situation(request, is_wanted=conversation is not None))
        if verdict.step is Step.REFUSE:
            self.answer(RequestAnswer(request.id, False, code=verdict.code))
        elif verdict.step is Step.ACT and request.kind is RequestKind.JOIN:
            self._join(request, conversation, origin)
        elif verdict.step is Step.ACT:
            assert conversation is not None, "refused otherwise"
            self._act(request, conversation, origin)

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

    def _join(self, request: Request, conversation: Conversation | None, origin: ChatOrigin | None) -> None:
        if conversation is None:
            wall_ms = self._bus.clock.wall_ns() // 1_000_000
            intent = _intent(request, wall_ms, origin)
            conversation = self._sessions.add(session_id(wall_ms, secrets.token_hex(2)), intent)
            conversation.opened_by = request.id
        self._sessions.join(conversation, request.id)

    def _act(self, request: Request, conversation: Conversation, origin: ChatOrigin | None) -> None:
        if request.kind in (RequestKind.PROMPT, RequestKind.SPEAK):
            self._ask(request, conversation, origin)
            return
        if request.kind is RequestKind.LEAVE:
            self._sessions.leave(conversation, Outcome(TurnKind.CUT))
        else:
            self._sessions.end_turns(conversation, Outcome(TurnKind.CUT))
        self.answer(RequestAnswer(request.id, True, conversation.session))

    def _ask(self, request: Request, conversation: Conversation, origin: ChatOrigin | None) -> None:
        session, n_before = conversation.session, conversation.turns.n_before
        asked = self._sessions.ask(conversation, request, origin)
        if asked is None:
            self.answer(RequestAnswer(request.id, False, session, code="busy", waiting=n_before))
        else:
            self.answer(RequestAnswer(request.id, True, session, asked.turn, waiting=n_before))

    def answer(self, answer: RequestAnswer) -> None:
        """Tell whoever asked, once all that the answer promises is stored."""
        self._answers.keep(answer)
        self._ledger.after(partial(self._tell, answer))

    def _tell(self, answer: RequestAnswer) -> None:
        waiting = self._awaited.pop(answer.id, None)
        if waiting is None:
            self._bus.emit("report.request", answer, answer.session, answer.turn)
            return
        for future in waiting:
            if not future.done():
                future.set_result(answer)


def _intent(request: Request, wall_ms: int, origin: ChatOrigin | None) -> Intent:
    if origin is None:
        who = request.user or "console"
        return Intent(wanted=True, sink=request.sink, since_ms=wall_ms, revision=1, requested_by=who)
    return Intent(
        wanted=True,
        sink=request.sink,
        since_ms=wall_ms,
        revision=1,
        guild_id=origin.guild_id,
        voice_channel_id=origin.voice_channel_id,
        prompt_channel_id=origin.prompt_channel_id,
        requested_by=str(origin.person),
    )
