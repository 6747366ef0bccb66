"""A gateway on real sockets beside a bus in memory, whose other nodes the test plays."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp

from bus.messages import (
    Health,
    Intent,
    Mark,
    NodeState,
    PlayoutState,
    ReplyState,
    RequestAnswer,
    RequestKind,
    SpokenState,
    TurnEvent,
    TurnKind,
    TurnState,
)
from bus.settings import BaseSettings, BusSettings, SessionSettings
from bus.testing import FakeClock, MemoryNode
from procs.sink.core.peers import PEERS
from procs.web_gateway.__main__ import build
from procs.web_gateway.app import WebNode
from procs.web_gateway.config import Config, WebSettings
from procs.web_gateway.core.access import link_token
from tests.ports import free_base_port
from tests.procs.sink.sound import end, frame
from tests.waiting import until

SECRET = "a secret of the stack"
TURN = 5_000


class LiveClock(FakeClock):
    """The machine's clocks, which a test may set forward."""

    def __init__(self):
        super().__init__(time.monotonic_ns() // 1_000_000, time.time_ns() // 1_000_000)
        self._ahead_ns = 0

    def mono_ns(self):
        return time.monotonic_ns() + self._ahead_ns

    def wall_ns(self):
        return time.time_ns() + self._ahead_ns

    def advance_ms(self, ms):
        self._ahead_ns += round(ms * 1_000_000)


class House:
    """The gateway, and a bot that answers for all other nodes."""

    def __init__(self, folder, max_sessions=2, start_timeout_s=10.0, **web):
        base_port = free_base_port()
        self.clock = LiveClock()
        self.bus = MemoryNode("web_gateway", WebNode.reads, self.clock)
        self.config = Config(
            BaseSettings(state_dir=str(folder)),
            BusSettings(base_port=base_port),
            SessionSettings(max_sessions, start_timeout_s=start_timeout_s),
            WebSettings(**web),
        )
        self.port = self.config.web.page_port(base_port)
        self.node, self.site = build(self.bus, self.config, SECRET)
        self.max_sessions = max_sessions
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.sessions = {}
        self.requests = []
        self.is_deaf = False
        self.is_slow = False
        """Whether the peers take their time to apply a session."""
        self._n_turns = 0
        self._links = 0

    # --- the other nodes ----------------------------------------------------------------------------

    async def play_the_others(self):
        """Answer requests as bot_main does; keep the peers alive."""
        beat = 0
        while True:
            while self.bus.pushed:
                topic, request, session, _ = self.bus.pushed.pop(0)
                assert topic == "flow.request"
                if not self.is_deaf:
                    await self._answer(request, session)
            if beat % 20 == 0:
                await self._beat()
            beat += 1
            await asyncio.sleep(0.005)

    async def _beat(self):
        floors = {} if self.is_slow else dict.fromkeys(self.sessions, 1)
        for peer in PEERS:
            await self.bus.deliver(f"report.health.{peer}", Health(NodeState.READY, 1, floors))
        for session, intent in self.sessions.items():
            await self.bus.deliver("control.intent", intent, session)
        self.bus.tick()

    async def _answer(self, request, session):
        if any(known.id == request.id for known, _ in self.requests):
            return
        self.requests.append((request, session))
        answer = RequestAnswer(request.id, True, session)
        if request.kind is RequestKind.JOIN:
            answer = await self._join(request)
        elif request.kind is RequestKind.LEAVE:
            await self.leave(session)
        elif request.kind in (RequestKind.PROMPT, RequestKind.SPEAK):
            self._n_turns += 1
            answer = RequestAnswer(request.id, True, session, TURN + self._n_turns)
        await self.bus.deliver("report.request", answer, answer.session, answer.turn)

    async def _join(self, request):
        assert request.own
        assert request.sink == "web_gateway"
        if sum(intent.wanted for intent in self.sessions.values()) >= self.max_sessions:
            return RequestAnswer(request.id, False, code="session_active")
        session = f"20261121-120000-{len(self.sessions):04x}"
        self.sessions[session] = Intent(True, "web_gateway", 1, 1, requested_by=request.user)
        await self._beat()
        return RequestAnswer(request.id, True, session)

    async def leave(self, session, reason=""):
        before = self.sessions[session]
        self.sessions[session] = Intent(False, "web_gateway", 1, before.revision + 1, reason=reason)
        await self._beat()

    def asked(self, kind):
        return [(request, session) for request, session in self.requests if request.kind is kind]

    async def reply(self, session, turn, text, marks=(), *, complete=True, ms=0):
        await self.bus.deliver("report.reply", ReplyState(turn, text, complete, "stop"), session)
        placed = tuple(Mark(*mark) for mark in marks)
        await self.bus.deliver("report.spoken", SpokenState(turn, ms, complete, placed), session)

    async def sound(self, session, turn, n_frames, first=0, *, final=True, value=None):
        for index in range(first, first + n_frames):
            await self.bus.deliver("flow.audio.web_gateway", frame(index, value), session, turn)
        if final:
            await self.bus.deliver("flow.audio.web_gateway", end(first + n_frames), session, turn)

    async def turn_over(self, session, turn, kind=TurnKind.DONE, code=""):
        await self.bus.deliver("report.turn.bot_main", TurnEvent(kind, 0.0, code), session, turn)

    async def floor(self, session, floor):
        await self.bus.deliver("control.turn", TurnState(floor, 0), session)

    def playout(self, session) -> PlayoutState | None:
        return self.bus.states.get(("report.playout.web_gateway", session))

    async def wait_s(self, seconds):
        """Let time pass while everybody lives."""
        for _ in range(seconds):
            self.clock.advance_ms(1_000)
            await self._beat()
            await asyncio.sleep(0)

    # --- clients ------------------------------------------------------------------------------------

    def link(self):
        """A fresh link token."""
        self._links += 1
        return link_token(SECRET, self.clock.wall_ns() // 1_000_000, f"{self._links:032x}")

    @asynccontextmanager
    async def browser(self, *, signed_in=True) -> AsyncIterator[aiohttp.ClientSession]:
        """A browser with its cookies, signed in by a link."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar) as browser:
            if signed_in:
                async with browser.get("/", params={"token": self.link()}) as response:
                    assert response.status == 200, await response.text()
            yield browser

    @asynccontextmanager
    async def client(self, path="/ws", **options) -> AsyncIterator["Client"]:
        """A connection of a browser that is signed in."""
        async with self.browser() as browser, browser.ws_connect(path, **options) as ws:
            yield Client(ws, browser)


class Client:
    """One WebSocket, and all that came over it."""

    def __init__(self, ws, browser):
        self.ws = ws
        self.browser = browser
        self.said = []
        self.sound = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for message in self.ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.sound.append(message.data)
            else:
                self.said.append(json.loads(message.data))

    async def send(self, kind, **fields):
        await self.ws.send_json({"type": kind, **fields})

    def all(self, kind):
        return [event for event in self.said if event["type"] == kind]

    async def get(self, kind, nth=0):
        """The nth event of a type, once it has come."""
        return (await until(lambda: self.all(kind)[nth : nth + 1] or None))[0]

    async def closed(self):
        """The close code, once closed."""
        await until(lambda: self.ws.closed and self._reading.done())
        return self.ws.close_code

    async def hello(self, **fields):
        await self.send("hello", version="v1", **fields)
        return await self.get("hello.ack")

    async def start(self, **metadata):
        """Shake hands and begin; returns the session's name on the bus."""
        await self.hello()
        await self.send("session.start", metadata=metadata)
        await self.get("config.resolved")
        return self.all("session.started")[-1]["session"]

    async def ask(self, text="Hello", nth=0):
        """Send a prompt; returns its turn."""
        await self.send("input.text", text=text)
        return (await self.get("input.accepted", nth))["turn_id"]


@asynccontextmanager
async def running(house: House) -> AsyncIterator[House]:
    tasks = [asyncio.create_task(house.play_the_others()), asyncio.create_task(house.node.run())]
    try:
        await until(lambda: house.site.bound.is_set() or any(task.done() for task in tasks))
        yield house
    finally:
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
