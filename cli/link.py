"""The command line on the bus: asks, and waits for what becomes of it.

Requests travel a path that may lose nothing but may be answered into the void; so a request is sent again
with the same id until its answer is seen. Everything else is read off levels.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from bus import Bus, client
from bus.errors import CODES, PeerStalled, sentence
from bus.messages import (
    Mark,
    Phase,
    PlayoutState,
    ReplyState,
    Request,
    RequestAnswer,
    RequestKind,
    SpokenState,
)
from bus.settings import SessionSettings
from bus.topics import SINKS
from cli.refusal import Refusal
from cli.stack import Stack

T = TypeVar("T", ReplyState, SpokenState, PlayoutState)

AGAIN_S = 0.3
"""A request without an answer is sent again after this."""

ANSWER_S = 3.0
"""After this there is nobody."""

NEWS_S = 5.0
"""A session starts in its time or is refused; this covers the wait for a peer and the way of the news."""

USER = "console"
"""How the person at the command line is called."""

READS = (
    "report.health.",
    "report.turn.",
    "report.request",
    "report.reply",
    "report.spoken",
    *(f"report.playout.{sink}" for sink in SINKS),
)


@asynccontextmanager
async def link(stack: Stack) -> AsyncIterator["Link"]:
    """The running stack's bus.

    Raises:
        Refusal: the stack does not run.
    """
    stack.require_running()
    async with client("cli", stack.base, stack.bus, READS, ("flow.request",)) as bus:
        yield Link(bus, stack.settings.of(SessionSettings).start_timeout_s)


def refused(code: str) -> Refusal:
    """A refusal in the words of the table of codes."""
    return Refusal(sentence(code) if code in CODES else f"Refused: {code}.")


@dataclass(frozen=True)
class Progress:
    """How far a turn has come, from three levels at one moment; what belongs to other turns is left out."""

    text: str = ""
    """Reply so far."""
    failure: str = ""
    """Error code with which the reply ended."""
    marks: tuple[Mark, ...] = ()
    """Where its pieces lie in the sound."""
    played_ms: int = 0
    """Sound heard so far."""
    recording: str = ""
    """File name of the sound, where the sink keeps one."""
    finished: bool = False
    """Whether it was heard to its end or cut."""


class Link:
    """Asks the running stack.

    Args:
        start_s: within this a session is active, once its sink begins.
    """

    def __init__(self, bus: Bus, start_s: float = SessionSettings.start_timeout_s) -> None:
        self.bus = bus
        self._start_s = start_s
        self.health = bus.follow("report.health.")
        self._reply = bus.follow("report.reply")
        self._spoken = bus.follow("report.spoken")
        self._playout = {sink: bus.follow(f"report.playout.{sink}") for sink in SINKS}

    async def ask(
        self, kind: RequestKind, text: str = "", session: str = "", user: str = ""
    ) -> RequestAnswer:
        """Send a request until it is answered.

        Raises:
            Refusal: it was refused, or nobody answered.
        """
        request = Request(uuid.uuid4().hex, kind, text=text, user=user)
        answers = asyncio.create_task(self._answer_to(request.id))
        try:
            async with asyncio.timeout(ANSWER_S):
                while not answers.done():
                    await self._send(request, session)
                    await asyncio.wait([answers], timeout=AGAIN_S)
                answer = answers.result()
        except TimeoutError:
            raise refused("bot_unreachable") from None
        finally:
            answers.cancel()
        if not answer.accepted:
            raise refused(answer.code)
        return answer

    async def _send(self, request: Request, session: str) -> None:
        try:
            await self.bus.push("flow.request", request, session, 0)
        except PeerStalled:
            raise refused("bot_unreachable") from None

    async def _answer_to(self, request_id: str) -> RequestAnswer:
        async for received in self.bus.events("report.request"):
            answer: RequestAnswer = received.message
            if answer.id == request_id:
                return answer
        raise AssertionError("events never end")

    def active_session(self) -> str:
        """The session in which prompts are answered now; empty if there is none."""
        return next((s for s, state in self.bus.sessions() if state.phase is Phase.ACTIVE), "")

    def running_session(self) -> str:
        """The session that is to end when its end is asked for: the active one, else one that begins."""
        begins = (s for s, state in self.bus.sessions() if state.phase is Phase.STARTING)
        return self.active_session() or next(begins, "")

    async def join(self) -> str:
        """Ask for a session and wait until it is active; returns it.

        Raises:
            Refusal: it was refused, or did not become active in time.
        """
        answer = await self.ask(RequestKind.JOIN, user=USER)
        session = answer.session
        changes = self.bus.follow("control.session.").changes()
        try:
            async with asyncio.timeout(self._start_s + NEWS_S):
                async for change in changes:
                    if change.session != session or change.new is None:
                        continue
                    failure = change.new.reason if change.new.phase is Phase.IDLE else ""
                    if code := change.new.refusal or failure:
                        raise refused(code)
                    if change.new.phase is Phase.ACTIVE:
                        return session
        except TimeoutError:
            raise refused("session_start_timeout") from None
        raise AssertionError("changes never end")

    def progress(self, session: str, turn: int) -> Progress:
        """How far a turn has come."""
        reply: ReplyState | None = _of_turn(self._reply.get(session), turn)
        spoken: SpokenState | None = _of_turn(self._spoken.get(session), turn)
        states = [state for view in self._playout.values() if (state := view.get(session)) is not None]
        playout: PlayoutState | None = _of_turn(states[0] if states else None, turn)
        return Progress(
            text=reply.text if reply else "",
            failure=reply.finish_reason if reply and reply.finish_reason in CODES else "",
            marks=spoken.marks if spoken else (),
            played_ms=playout.played_ms if playout else 0,
            recording=playout.recording if playout else "",
            finished=any(state.finished_turn >= turn for state in states),
        )


def _of_turn(state: T | None, turn: int) -> T | None:
    return state if state is not None and state.turn == turn else None
