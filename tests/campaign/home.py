"""A running stack with somebody in it, who talks to it as `miku say` does and hears how the nodes are."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bus import client
from bus.messages import Health, NodeState, PlayoutState, RequestAnswer, RequestKind, TurnKind
from bus.settings import BaseSettings, BusSettings
from bus.topics import NODES
from cli.link import READS, Link
from cli.refusal import Refusal
from cli.speech import Outcome, TurnWatch
from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.supervisor_rpc import ProgramInfo, SupervisorRpc
from procs.sink.core.pacing import PaceMeter
from tests.e2e.stack import Stack
from tests.waiting import until

T = TypeVar("T")

PATIENCE_S = 60.0
"""Only ends what would never end: every wait of the stack is shorter."""

WORD_S = 2.0
"""bot_main's word on the end of a turn comes within milliseconds, unless it died."""

PACE_S = 1.2
"""The sink tells its figures each second."""

SINK = "discord_voice"

NODE_LAG = "loop lag, ms: "
"""Figures of how late each node's loop was begin so; they are gathered over all campaigns (row F28)."""


@dataclass
class Said:
    """A prompt that was accepted, and what became of it."""

    text: str
    answer: RequestAnswer
    kind: TurnKind
    """DONE, CUT or FAILED, as bot_main says."""
    code: str
    """Error code of a failure, as bot_main says."""
    told: Outcome
    """What the command line told of it."""

    @property
    def is_whole(self) -> bool:
        """Whether it was heard to its end."""
        return self.kind is TurnKind.DONE

    @property
    def is_mistold(self) -> bool:
        """Whether a failure was told without its reason."""
        return self.kind is TurnKind.FAILED and not self.told.code


@dataclass
class Ear:
    """How the sound went on while somebody listened."""

    began_s: float = field(default_factory=time.monotonic)
    longest_silence_s: float = 0.0
    """Between two signs that sound is played, the beginning and the end of listening being signs too."""


class Home:
    """One stack and its visitor.

    Args:
        stack: runs already.
        link: the visitor's connection; it outlives any process of the stack.
    """

    def __init__(self, stack: Stack, link: Link) -> None:
        self.stack = stack
        self.link = link
        self.notes: dict[str, float] = {}
        """What runs have found out about this stack once and for all."""
        self._ends: dict[int, tuple[TurnKind, str]] = {}
        self._lags: dict[str, list[float]] = {}
        self._lag_seen: dict[str, tuple[int, int]] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, stack: Stack) -> AsyncIterator["Home"]:
        """Start a stack and visit it; ends it in the end."""
        try:
            await asyncio.to_thread(stack.start)
            async with cls.visited(stack) as home:
                yield home
        finally:
            await asyncio.to_thread(stack.stop)

    @classmethod
    @asynccontextmanager
    async def visited(cls, stack: Stack) -> AsyncIterator["Home"]:
        """Visit a stack, whoever starts it and whenever."""
        base, bus = BaseSettings(str(stack.state_path)), BusSettings(base_port=stack.base_port)
        async with client("cli", base, bus, READS, ("flow.request",)) as node:
            home = cls(stack, Link(node))
            watches = [asyncio.create_task(watch()) for watch in (home.watch_lags, home.watch_ends)]
            try:
                yield home
            finally:
                for watch in watches:
                    watch.cancel()

    # --- talking ------------------------------------------------------------------------------------

    async def session(self) -> str:
        """The session, joined if there is none; tried again while the stack comes back to itself."""
        return self.link.active_session() or await self.insist(self.link.join)

    async def insist(self, ask: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
        """Ask again until it is not refused.

        Raises:
            AssertionError: it always was; names the last refusal.
        """
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                return await ask()
            except Refusal as refusal:
                failure = str(refusal)
            assert time.monotonic() < deadline_s, f"refused for {patience_s:g} s: {failure}"
            await asyncio.sleep(0.1)

    async def ask(self, text: str, kind: RequestKind = RequestKind.SPEAK) -> RequestAnswer:
        """Have a text spoken, or a prompt answered.

        Raises:
            Refusal: it was not accepted.
        """
        return await self.link.ask(kind, text, await self.session())

    async def heard(self, text: str, answer: RequestAnswer, patience_s: float = PATIENCE_S) -> Said:
        """Wait for the end of an accepted prompt, which must come."""
        watch = TurnWatch(self.link, answer.session, answer.turn, time.monotonic(), _nothing, _nothing)
        try:
            outcome = await asyncio.wait_for(watch.run(), patience_s)
        except TimeoutError:
            state, health = self.link.bus.session(answer.session), self.states()
            raise AssertionError(
                f"turn {answer.turn} has no end after {patience_s:g} s; session {state}; {health}; "
                f"{self.playout(answer.session)}"
            ) from None
        return Said(text, answer, *await self._end_of(answer.turn, outcome), outcome)

    async def _end_of(self, turn: int, told: Outcome) -> tuple[TurnKind, str]:
        """How bot_main says that a turn ended; where its word was lost, how the command line told it."""
        with suppress(AssertionError):
            await until(lambda: turn in self._ends, WORD_S)
        as_told = TurnKind.FAILED if told.code else TurnKind.CUT if told.cut else TurnKind.DONE
        return self._ends.get(turn, (as_told, told.code))

    async def say(self, text: str, kind: RequestKind = RequestKind.SPEAK) -> Said:
        """Have a text spoken and hear it to its end.

        Raises:
            Refusal: it was not accepted.
        """
        return await self.heard(text, await self.ask(text, kind))

    async def speaks(self, text: str, kind: RequestKind = RequestKind.SPEAK) -> Said:
        """A text that must be spoken whole, now; fails with the code if it is not."""
        said = await self.say(text, kind)
        assert said.is_whole, f"{text[:40]!r} {said.kind}: {said.code}"
        return said

    async def speaks_again(self, text: str = "I am here again.", patience_s: float = PATIENCE_S) -> Said:
        """A text that must be spoken whole sooner or later."""
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                said = await self.say(text)
                if said.is_whole:
                    return said
                failure = f"{said.kind}: {said.code}"
            except Refusal as refusal:
                failure = str(refusal)
            assert time.monotonic() < deadline_s, f"not spoken for {patience_s:g} s: {failure}"
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Silence her."""
        await self.link.ask(RequestKind.STOP, session=self.link.active_session())

    async def leave(self) -> None:
        """End the session and wait until nobody holds it."""
        if self.link.active_session():
            await self.insist(lambda: self.link.ask(RequestKind.LEAVE))
        await until(lambda: not list(self.link.bus.sessions()), PATIENCE_S)

    # --- looking ------------------------------------------------------------------------------------

    def health(self, node: str) -> Health | None:
        """What a node says of itself, None while it is silent."""
        found: Health | None = self.link.health.get(src=node)
        return found

    def states(self) -> dict[str, str]:
        """State and code of each node that can be heard."""
        return {src: f"{h.state} {h.code}".strip() for src, _, h in self.link.health.items()}

    def pid(self, node: str) -> int:
        """Process id of a node that can be heard, else 0."""
        health = self.health(node)
        return health.pid if health else 0

    def playout(self, session: str) -> PlayoutState | None:
        """What the sink has played."""
        found: PlayoutState | None = self.link._playout[SINK].get(session)
        return found

    def is_well(self) -> bool:
        """Whether every node is there and ready."""
        return all((h := self.health(node)) and h.state is NodeState.READY for node in NODES)

    async def well(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until every node is there and ready."""
        deadline_s = time.monotonic() + patience_s
        while not self.is_well():
            assert time.monotonic() < deadline_s, f"not well after {patience_s:g} s: {self.states()}"
            await asyncio.sleep(0.01)

    def recording(self, answer: RequestAnswer) -> Path:
        """The sound of a turn, which may not be there."""
        return self.stack.state_path / "recordings" / f"{answer.session}-{answer.turn}.wav"

    async def ends_of(self, turn: int, patience_s: float = PATIENCE_S) -> list[tuple[str, str]]:
        """How a turn ended, (kind, error code), as bot_main logged it; more than once if it died over it."""
        log = self.stack.state_path / "logs" / "bot_main.log"
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            lines = [line for line in log.read_text(errors="replace").splitlines() if f": {turn}," in line]
            found = [(end["ended"], end["code"]) for line in lines if "ended" in (end := json.loads(line))]
            if found:
                return found
            await asyncio.sleep(0.05)
        return []

    async def recorded(self, answer: RequestAnswer) -> Path:
        """The sound of the newest turn, once it is whole in its file."""
        file = self.recording(answer)
        await until(lambda: (state := self.playout(answer.session)) and state.recording == file.name)
        return file

    async def pace(self) -> dict[str, float]:
        """How evenly the sink has played since it started; waits until its figures are up to date."""
        await asyncio.sleep(PACE_S)
        health = self.health(SINK)
        assert health, f"{SINK} can't be heard"
        return {name: float(health.facts[name]) for name in PaceMeter().facts()}

    @property
    def settings_file(self) -> Path:
        """`miku.toml` of the stack, made empty if there is none."""
        file = Path(self.stack.env["MIKU_CONFIG"])
        file.touch()
        return file

    @property
    def up_pid(self) -> int:
        """Process id of `miku up`."""
        assert self.stack._up is not None
        return self.stack._up.pid

    async def end_stack(self, number: signal.Signals) -> int:
        """Ask `miku up` to end everything; its exit code."""
        assert self.stack._up is not None
        self.stack._up.send_signal(number)
        return await asyncio.to_thread(self.stack._up.wait, PATIENCE_S)

    async def programs(self) -> dict[str, ProgramInfo]:
        """What supervisord knows; empty while it does not answer."""
        rpc = SupervisorRpc(self.stack.state_path / "supervisor.sock")
        with suppress(SupervisorGone):
            return {info.program.name: info for info in await asyncio.to_thread(rpc.infos)}
        return {}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        """Listen for silences, in whichever session, while the body runs."""
        ear = Ear()
        task = asyncio.create_task(self._listen(ear))
        try:
            yield ear
        finally:
            task.cancel()

    async def _listen(self, ear: Ear) -> None:
        last, moved_s = None, time.monotonic()
        while True:
            levels = self.link._playout[SINK].items()
            now = [(session, s.turn, s.played_ms, s.finished_turn) for _, session, s in levels]
            now_s = time.monotonic()
            if now and now != last:
                last, moved_s = now, now_s
            ear.longest_silence_s = max(ear.longest_silence_s, now_s - moved_s)
            await asyncio.sleep(0.02)

    # --- watching -----------------------------------------------------------------------------------

    async def watch_ends(self) -> None:
        """Note how turns end."""
        async for received in self.link.bus.events("report.turn."):
            if received.header.src == "bot_main" and received.message.kind is not TurnKind.ACCEPTED:
                self._ends[received.turn] = (received.message.kind, received.message.code)

    def take_lags(self) -> dict[str, list[float]]:
        """The worst delay of each node's loop, second by second, since the last call."""
        taken, self._lags = self._lags, {}
        return taken

    async def watch_lags(self) -> None:
        """Note each beat's delay once; a beat is known by its process and its uptime."""
        while True:
            for src, _, health in self.link.health.items():
                beat = (health.pid, health.uptime_s)
                if self._lag_seen.get(src) != beat:
                    self._lag_seen[src] = beat
                    self._lags.setdefault(src, []).append(float(health.loop_lag_ms))
            await asyncio.sleep(0.25)


def _nothing(text: str) -> None:
    """Nobody reads along."""
