"""Sessions in browsers: which client has which session, and how long it is waited for.

Implements `WebBackend`. A session is connected once a client claims it, by its join or from the file of an
earlier life; it is left when its client says so, or did not come back in time.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from bus.errors import BackendError
from bus.messages import Intent, Phase, RequestKind, SessionState, TurnKind
from procs.sink.backends.base import Lost, Source, Trouble, VoiceEvent
from procs.sink.backends.pacer import Pacer
from procs.web_gateway.backends.base import Desk, Peer
from procs.web_gateway.backends.call import Call
from procs.web_gateway.backends.history import CallRow, History
from procs.web_gateway.backends.site import Site
from procs.web_gateway.core.steps import NORMAL, Start

TICKET_MS = 30_000
"""So long the address for coming back can be used."""

LOOK_S = 0.04
"""Two frames: how often the levels are looked at."""

NEWS_MS = 5_000
"""A session starts in its time or is refused; this covers the wait for a peer and the way of the news."""

SETTLE_S = 0.12
"""A little more than the sink's report period: by then it has said up to where she was heard."""

ENDINGS = {TurnKind.DONE: "done", TurnKind.CUT: "cut", TurnKind.FAILED: "failed"}
SESSION = "control.session."


class Browsers:
    """All calls.

    Args:
        desk: the bus.
        pacer: reads the sound, each 20 ms.
        history: the calls' file.
        resume_ms: so long a session outlives its connection.
        start_ms: within this a session is active, once its sink begins.
        offers_webrtc: whether clients may get the sound that way.
    """

    name = "browsers"

    def __init__(
        self,
        desk: Desk,
        pacer: Pacer,
        history: History,
        resume_ms: int,
        start_ms: int,
        *,
        offers_webrtc: bool,
    ) -> None:
        self.desk = desk
        self.resume_ms = resume_ms
        self._start_ms = start_ms
        self.offers_webrtc = offers_webrtc
        self.history = history
        self._pacer = pacer
        self.site: Site | None = None
        """Serves HTTP; None where the page is switched off."""
        self._calls: dict[str, Call] = {}
        self._sessions: dict[str, Call] = {}
        self._claims: dict[str, asyncio.Event] = {}
        self._tickets: dict[str, tuple[str, int]] = {}
        self._notify: Callable[[VoiceEvent], None] = _nobody
        self._told_trouble = ""
        self._is_busy = asyncio.Event()
        """Set while there are calls; without any the node rests."""
        self._tasks: set[asyncio.Task[object]] = set()

    # --- the sink's side ----------------------------------------------------------------------------

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Serve until cancelled."""
        self._notify = notify
        self._loop = asyncio.get_running_loop()
        await self._adopt()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(asyncio.to_thread(self._pacer.run))
                tasks.create_task(self.history.run())
                tasks.create_task(self._follow_ends())
                tasks.create_task(self._look())
                if self.site:
                    tasks.create_task(self.site.run(self._trouble))
        finally:
            self._pacer.close()
            for task in self._tasks:
                task.cancel()

    async def connect(self, session: str, intent: Intent) -> None:
        """Wait for the client whose session it is; the session machine knows how long."""
        await self._claim(session).wait()
        call = self._sessions.get(session)
        if call is None or call.is_over:
            raise BackendError("sink_failed", "the browser has gone")

    async def leave(self, session: str) -> None:
        """The session is over."""
        self._claims.pop(session, None)
        if call := self._sessions.pop(session, None):
            self.close(call, self._why_over(session))

    def play(self, session: str, turn: int, source: Source) -> None:
        """Pace the sound to the client; it stands still while the client is away."""
        if call := self._sessions.get(session):
            call.play(turn, source)

    def heard_ms(self, session: str, turn: int, played_ms: int) -> int:
        """Up to where the client has heard a turn, of what was sent."""
        call = self._sessions.get(session)
        return call.heard_ms(turn, played_ms) if call else played_ms

    # --- the sockets' side --------------------------------------------------------------------------

    def call(self, call_id: str) -> Call | None:
        """A call that has not ended."""
        return self._calls.get(call_id)

    @property
    def calls(self) -> list[Call]:
        """All that have not ended."""
        return list(self._calls.values())

    def open(self, owner: str, start: Start) -> Call:
        """A client is here; it has no session yet."""
        return self._new_call(secrets.token_hex(8), owner, start)

    async def join(self, call: Call, protocol: str) -> str:
        """Get a session for a call, and wait until it is active.

        Returns:
            Error code of a refusal, empty when active.
        """
        try:
            answer = await self.desk.ask(RequestKind.JOIN, user=call.start.user or "web")
        except BackendError as error:
            return error.code
        if not answer.accepted:
            return answer.code
        taken = self._sessions.get(answer.session)
        if call.is_over or (taken and taken is not call):
            if call.is_over and not taken:
                await self._tell(RequestKind.LEAVE, answer.session)
            return "session_active"
        call.session = answer.session
        self._sessions[answer.session] = call
        self._claim(answer.session).set()
        self.history.begin(_row(call, protocol, self.desk.wall_ms()))
        code = await self._active(call)
        if code and not call.is_over:
            self._sessions.pop(call.session, None)
            self.spawn(self._tell(RequestKind.LEAVE, call.session))
            call.session = ""
        return code

    def close(self, call: Call, reason: str, code: int = NORMAL) -> None:
        """End a call, and its connection with a close code; harmless the second time."""
        call.end(reason)
        self.retire(call, force=True)
        self._calls.pop(call.id, None)
        if call.connection:
            call.connection.close(code)

    def hang_up(self, call: Call, reason: str, code: int = NORMAL) -> None:
        """The client leaves, or is given up."""
        self.close(call, reason, code)
        if call.session:
            self.spawn(self._hang_up(call.session))

    def carry(self, call: Call, peer: Peer) -> None:
        """Let the sound take another way; the one before is closed."""
        before, call.carrier = call.carrier, peer
        if before:
            self.spawn(before.close())
        if call.is_over:
            self.retire(call, force=True)

    def retire(self, call: Call, *, force: bool = False) -> None:
        """Give that way up once it is over: the sound takes the WebSocket again."""
        peer = call.carrier
        if peer and (force or peer.is_over):
            call.carrier = None
            self.spawn(peer.close())

    def stop_speaking(self, call: Call) -> None:
        """The client has stopped her: end the turn, and those that wait."""
        if call.session:
            self.spawn(self._stop_speaking(call, call.turn))

    def ticket(self, call: Call) -> str:
        """A text by which a new connection may take up a call, once."""
        now_ms = self.desk.mono_ms()
        self._tickets = {text: known for text, known in self._tickets.items() if known[1] > now_ms}
        text = secrets.token_urlsafe(24)
        self._tickets[text] = (call.id, now_ms + TICKET_MS)
        return text

    def redeem(self, ticket: str) -> Call | None:
        """The call of a ticket, once; None if there is none (any more)."""
        call_id, until_ms = self._tickets.pop(ticket, ("", 0))
        return self._calls.get(call_id) if self.desk.mono_ms() < until_ms else None

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something aside; its faults are logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    # --- inside -------------------------------------------------------------------------------------

    def _spawned(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.desk.log("task failed", error=repr(error))

    def _new_call(self, call_id: str, owner: str, start: Start) -> Call:
        call = Call(
            call_id, owner, start, self.desk, self._pacer, self.history, self._call_soon, self._sentence_over
        )
        self._calls[call_id] = call
        self._is_busy.set()
        return call

    def _call_soon(self, work: Callable[..., None], *args: Any) -> None:
        """From any thread; a loop that is closed already has no use for news."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *args)

    def _sentence_over(self, call: Call) -> None:
        call.after_cut()
        self.stop_speaking(call)

    def _why_over(self, session: str) -> str:
        """Error code of the end of a session, `left` where somebody asked for it."""
        state: SessionState | None = self.desk.level(SESSION, session)
        intent: Intent | None = self.desk.level("control.intent", session)
        return (state.reason or state.refusal if state else "") or (intent.reason if intent else "") or "left"

    def _claim(self, session: str) -> asyncio.Event:
        return self._claims.setdefault(session, asyncio.Event())

    async def _adopt(self) -> None:
        """Calls of an earlier life: their clients may still come back."""
        for row in await self.history.open_calls():
            if row.protocol != "v1":
                self.history.end(row.id, self.desk.wall_ms(), "peer_lost")
                continue
            start = Start(user=row.user, client=row.client, is_text=row.is_text, rate_hz=row.rate_hz)
            call = self._new_call(row.id, row.owner, start)
            call.adopt(row.session, await self.history.open_turns(row.id))
            self._sessions[row.session] = call
            self._claim(row.session).set()

    async def _active(self, call: Call) -> str:
        """Wait for the sink's word; returns the error code of a refusal."""
        deadline_ms = self.desk.mono_ms() + self._start_ms + NEWS_MS
        while self.desk.mono_ms() < deadline_ms:
            state: SessionState | None = self.desk.level(SESSION, call.session)
            if state and state.phase is Phase.ACTIVE:
                return ""
            if state and state.phase is Phase.IDLE and (state.refusal or state.reason):
                return state.refusal or state.reason
            if call.is_over:
                return "session_none"
            await asyncio.sleep(LOOK_S / 2)
        return "session_start_timeout"

    async def _stop_speaking(self, call: Call, turn: int) -> None:
        """The sound stands still already; a prompt that comes behind the stop must not die of it."""
        async with call.asking:
            await asyncio.sleep(SETTLE_S)
            await self._tell(RequestKind.STOP, call.session)
        call.after_stop(turn)

    async def _hang_up(self, session: str) -> None:
        if not await self._tell(RequestKind.LEAVE, session):
            self._notify(Lost(session, "sink_failed"))

    async def _tell(self, kind: RequestKind, session: str) -> bool:
        """Send a request whose refusal nobody waits for; whether somebody took it."""
        try:
            await self.desk.ask(kind, session=session)
        except BackendError as error:
            self.desk.log("nobody took a request", kind=kind, session=session, code=error.code)
            return False
        return True

    async def _follow_ends(self) -> None:
        async for heard in self.desk.events("report.turn."):
            outcome, call = ENDINGS.get(heard.message.kind), self._sessions.get(heard.session)
            if outcome and call and heard.topic == "report.turn.bot_main":
                call.turn_ended(heard.turn, outcome, heard.message.code)

    async def _look(self) -> None:
        """Tell what is new; give up whoever did not come back."""
        while True:
            if not self._calls:
                self._is_busy.clear()
            await self._is_busy.wait()
            await asyncio.sleep(LOOK_S)
            now_ms = self.desk.mono_ms()
            for call in self.calls:
                call.look()
                if call.connection is None and now_ms - call.detached_ms >= self.resume_ms:
                    self.hang_up(call, "inactive")
            self._tell_history()

    def _tell_history(self) -> None:
        """Whether what is said reaches the disk."""
        trouble = self.history.trouble
        if trouble != self._told_trouble:
            self._told_trouble = trouble
            detail = f"{trouble}; {self.history.n_left_out} records of calls are lost"
            self._trouble("disk_full" if trouble else "", detail if trouble else "")

    def _trouble(self, code: str, detail: str) -> None:
        self._notify(Trouble(code, detail))


def _row(call: Call, protocol: str, wall_ms: int) -> CallRow:
    start = call.start
    return CallRow(
        call.id,
        call.owner,
        call.session,
        protocol,
        start.client,
        start.user,
        start.is_text,
        start.rate_hz,
        wall_ms,
    )


def _nobody(event: VoiceEvent) -> None:
    """Before `run` nobody listens."""
