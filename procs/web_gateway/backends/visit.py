"""One WebSocket connection, from its upgrade to its end: what its messages ask for is done.

Dead pages are found by the messages `ping` and `pong`, which a page can see.
"""

import asyncio
from typing import Any

from aiohttp import WSMsgType, web

from bus.errors import BackendError
from bus.messages import RequestKind
from procs.web_gateway.backends.browsers import Browsers
from procs.web_gateway.backends.call import Call
from procs.web_gateway.backends.connection import Connection
from procs.web_gateway.backends.guard import Guard
from procs.web_gateway.backends.history import Entry
from procs.web_gateway.core import events
from procs.web_gateway.core.access import Principal
from procs.web_gateway.core.chat import ChatProtocol
from procs.web_gateway.core.dialect import Chat
from procs.web_gateway.core.events import Event
from procs.web_gateway.core.intake import FRAME_BYTES, TEXT_CHARS, Intake, State
from procs.web_gateway.core.steps import (
    INTERNAL,
    REPLACED,
    UNHEARD,
    Acknowledge,
    Ask,
    Cancel,
    Close,
    Fault,
    Played,
    Pong,
    Sound,
    Start,
    Step,
    Stop,
)
from procs.web_gateway.core.vitals import DEAD_MS, HEARTBEAT_MS, INACTIVE_MS, PING_MS, Vitals
from procs.web_gateway.core.ws_v1 import VERSION, V1Protocol

HELLO_S = 10.0
"""A connection that has not said hello by then is closed."""

ASKING = 32
"""Prompts of one call that wait for the bus."""

TICK_S = 1.0
"""Between two looks at the life signs."""


class Visit:
    """One connection of WS v1.

    Args:
        who: whose credential came before the upgrade, None if it is to come in `hello`.
        call: the session it takes up, None for a new one.
    """

    def __init__(
        self,
        browsers: Browsers,
        guard: Guard,
        request: web.Request,
        ws: web.WebSocketResponse,
        connection: Connection,
        who: Principal | None,
        call: Call | None,
    ) -> None:
        self.browsers = browsers
        self.connection = connection
        self.protocol: Intake = V1Protocol(
            self._verify, is_known=bool(who or call), is_resuming=call is not None
        )
        self._guard = guard
        self._request = request
        self._ws = ws
        self._desk = browsers.desk
        self._resumed = call
        self.call = call or browsers.open(who.owner if who else "", Start())
        self._vitals = Vitals(self._desk.mono_ms())

    async def run(self) -> None:
        """Serve until the connection ends."""
        if self._resumed is None:
            self.call.attach(self.connection)
        self.begin()
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]
        try:
            await self._read()
        except Exception as error:
            self._desk.log("connection failed", error=repr(error))
            self._say(events.error("server.internal", "A fault of the gateway; its log has it."))
            self.connection.close(INTERNAL)
            await asyncio.wait(tasks[:1], timeout=1.0)
        finally:
            self.protocol.stop()
            for task in tasks:
                task.cancel()
            self.over()

    def begin(self) -> None:
        """The connection stands."""

    def over(self) -> None:
        """The connection is gone: the session waits for another one, if it has begun."""
        self.call.detach(self.connection, self._desk.mono_ms())
        if not self.call.session and self.call.connection is None:
            self.browsers.hang_up(self.call, "client_requested")

    async def _read(self) -> None:
        async for message in self._ws:
            now_ms = self._desk.mono_ms()
            self._vitals.came(now_ms)
            if message.type is WSMsgType.TEXT:
                steps = self.protocol.take_text(message.data, now_ms)
            elif message.type is WSMsgType.BINARY:
                steps = self.protocol.take_sound(len(message.data), now_ms)
            else:
                return
            for step in steps:
                self._act(step)

    async def _write(self) -> None:
        """Send; a connection to which nothing can be sent any more is none."""
        try:
            await self.connection.write()
        except Exception as error:
            self._desk.log("connection failed", error=repr(error))
            self.connection.abort()

    async def _watch(self) -> None:
        """Life signs."""
        hello_until_ms = self._desk.mono_ms() + round(HELLO_S * 1000)
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = self._desk.mono_ms()
            if now_ms >= hello_until_ms:
                for step in self.protocol.unheard():
                    self._act(step)
            self._tell_life(now_ms)

    def _tell_life(self, now_ms: int) -> None:
        vitals = self._vitals
        if self.call.is_sounding:
            vitals.played(now_ms)
        if self._vitals.is_dead(now_ms, answers_pings=self.protocol.answers_pings):
            self.connection.close(UNHEARD)
        elif self._vitals.is_inactive(now_ms):
            self.browsers.hang_up(self.call, "inactive", UNHEARD)
        if self.protocol.state in (State.WAIT_HELLO, State.STOPPED):
            return
        if vitals.ping_due(now_ms):
            self.call.say(Event("ping", {"ts": now_ms}, is_kept=False))
        if vitals.heartbeat_due(now_ms):
            self.call.say(Event("heartbeat", {"timestamp": self._desk.wall_ms()}, is_kept=False))

    def _act(self, step: Step) -> None:
        """What a message asks for; nothing here waits."""
        match step:
            case Fault():
                self._say(events.error(step.code, step.message, step.sender))
            case Close():
                self.connection.close(step.code)
            case Acknowledge():
                self._acknowledge(step)
            case Start():
                self.start(step)
            case Ask():
                self._ask(step)
            case Cancel():
                if self.call.cancel(step):
                    self.browsers.stop_speaking(self.call)
            case Played():
                self.call.played(step.turn, step.position_ms)
            case Stop():
                self.browsers.hang_up(self.call, step.reason)
            case Sound():
                self.call.unrecognised(step.n_frames)
            case Pong():
                self.call.say(Event("pong", {"ts": step.ts}, is_kept=False))

    def _say(self, event: Event) -> None:
        """Tell this connection, which may not have its session yet."""
        if self.call.connection is self.connection:
            self.call.say(event)
        else:
            self.connection.say(event, 0)

    def _verify(self, api_key: str, token: str) -> str:
        who, code = self._guard.verify(self._request, api_key, token)
        if who:
            self.call.owner = who.owner
        return code

    def _acknowledge(self, step: Acknowledge) -> None:
        data = {"sessionId": self.call.id, "version": VERSION, "resumed": self._resumed is not None}
        self.connection.say(Event("hello.ack", data), 0)
        if self._resumed:
            if self.call.connection:
                self.call.connection.close(REPLACED)
            self.connection.dialect.rate_hz = self.call.start.rate_hz
            self.call.resume(self.connection, step)

    # --- the session --------------------------------------------------------------------------------

    def start(self, step: Start, protocol: str = "v1") -> None:
        """Ask for a session."""
        self.call.start = step
        self.connection.dialect.rate_hz = step.rate_hz
        self.browsers.spawn(self._start(step, protocol))

    async def _start(self, step: Start, protocol: str) -> None:
        code = await self.browsers.join(self.call, protocol)
        if self.call.is_over:
            return
        if code:
            self.call.say(events.error(code))
            if self.call.connection and self.call.connection is not self.connection:
                self.browsers.close(self.call, code)  # who has come back meanwhile may begin anew
                return
            self.protocol.refused()
            self.refused(code)
            return
        self.protocol.started()
        data = {"sessionId": self.call.id, "session": self.call.session, "audio": step.audio}
        self.call.say(Event("session.started", data))
        self.call.say(Event("config.resolved", self._resolved(step)))
        if step.greeting:
            self._send(RequestKind.SPEAK, step.greeting, "")

    def _resolved(self, step: Start) -> dict[str, Any]:
        """What `config.resolved` says."""
        n_bytes = step.rate_hz // 50 * 2
        return {
            "input": {
                "encoding": "pcm_s16le",
                "sample_rate_hz": 16_000,
                "channels": 1,
                "frame_bytes": FRAME_BYTES,
                "recognition": False,
            },
            "output": {
                "mode": "text" if step.is_text else "audio",
                "encoding": "pcm_s16le",
                "sample_rate_hz": step.rate_hz,
                "channels": 1,
                "frame_bytes": n_bytes,
                "frame_ms": 20,
            },
            "heartbeat_ms": HEARTBEAT_MS,
            "inactivity_ms": INACTIVE_MS,
            "ping_ms": PING_MS,
            "dead_ms": DEAD_MS,
            "resume_ms": self.browsers.resume_ms,
            "max_text_chars": TEXT_CHARS,
            "webrtc": self.browsers.offers_webrtc,
        }

    def refused(self, code: str) -> None:
        """The session was refused; it may be tried again."""

    def _ask(self, step: Ask) -> None:
        self._send(RequestKind.PROMPT, step.text, step.id)

    def _send(self, kind: RequestKind, text: str, prompt_id: str) -> None:
        if not self.call.session:  # it is still beginning: without a name the prompt would be another's
            self.call.say(events.error("session_none", prompt_id=prompt_id))
            return
        if self.call.n_asking >= ASKING:
            self.call.say(events.error("busy", prompt_id=prompt_id))
            return
        self.call.n_asking += 1
        self.browsers.spawn(self._request_turn(kind, text, prompt_id, self._desk.mono_ms()))

    async def _request_turn(self, kind: RequestKind, text: str, prompt_id: str, asked_ms: int) -> None:
        call = self.call
        try:
            async with call.asking:
                answer = await self._desk.ask(kind, text, call.session, call.start.user)
        except BackendError as error:
            call.say(events.error(error.code, prompt_id=prompt_id))
        else:
            if not answer.accepted:
                call.say(events.error(answer.code, prompt_id=prompt_id))
                return
            call.accepted(answer.turn, answer.waiting, prompt_id, asked_ms)
            if kind is RequestKind.PROMPT:
                entry = Entry(call.id, answer.turn, "human", text, self._desk.wall_ms())
                self.browsers.history.turn(entry)
        finally:
            call.n_asking -= 1


class ChatVisit(Visit):
    """One connection of live chat: the session begins and ends with it."""

    def __init__(
        self,
        browsers: Browsers,
        guard: Guard,
        request: web.Request,
        ws: web.WebSocketResponse,
        connection: Connection,
        who: Principal,
        dialect: Chat,
    ) -> None:
        super().__init__(browsers, guard, request, ws, connection, who, None)
        self.protocol = ChatProtocol(dialect)

    def begin(self) -> None:
        """Ask for the session at once."""
        self.call.say(Event("session.starting"))
        self.start(Start(client="live chat", rate_hz=Chat.rate_hz), "chat")

    def over(self) -> None:
        """No connection, no session."""
        self.call.detach(self.connection, self._desk.mono_ms())
        self.browsers.hang_up(self.call, "client_requested")

    def refused(self, code: str) -> None:
        """There is nothing to try again."""
        self.browsers.close(self.call, code)
