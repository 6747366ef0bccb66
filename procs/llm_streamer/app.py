"""`llm_streamer`: prompts in, the reply's tokens out.

Prompts of one session are answered one after the other, those of different sessions side by side. Knows
nothing of HTTP; never asks a model for a text that is to be read out as it is.
"""

import asyncio
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import replace

from bus.errors import BackendError, PeerStalled
from bus.interface import Bus, Received
from bus.messages import NodeState, Phase, Prompt, ReplyState, SessionState, Token, TurnEvent, TurnKind
from procs.llm_streamer.backends.base import LlmBackend, ServerStatus, Waiting
from procs.llm_streamer.core.failures import state_of
from procs.llm_streamer.core.read_out import read_out

LANE_LIMIT = 8
"""Prompts of one session that may wait here, as many as their flow holds; further ones are refused."""

LEVEL_PERIOD_S = 0.1
"""The text so far is published this often at most: readers are people."""

SILENCE_S = 3.0
"""A server that has not said a word for this long is shown as loading: it swaps models, or thinks."""

READY_PERIOD_S = 30.0
"""A server that was ready is looked at this often; prompts show its state anyway."""

ABSENT_PERIODS_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""One that was not ready is looked at again after these pauses; the last one repeats."""

ABOUT_SERVER = ("llm_unreachable", "llm_loading", "llm_model_unknown")
"""Failures of a turn that the next one would meet too."""


class Streamer:
    """The app."""

    name = "llm_streamer"
    reads: tuple[str, ...] = ("flow.prompt", "control.session.", "control.turn")
    writes: tuple[str, ...] = ("flow.token", "report.reply")

    def __init__(self, bus: Bus, backend: LlmBackend) -> None:
        self._bus = bus
        self._backend = backend
        self._lanes: dict[str, deque[Received[Prompt]]] = {}
        """Session → prompts behind the one being answered; present while one is."""
        self._status = ServerStatus(NodeState.STARTING)
        self._look_now = asyncio.Event()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_server())
                tasks.create_task(self._forget_ended_sessions())
                async for received in self._bus.pull("flow.prompt"):
                    self._admit(received, tasks)
        finally:
            await self._backend.close()

    async def stop(self) -> None:
        """Nothing to finish: a reply that this node can't end is given up by its deadline."""

    # --- prompts ------------------------------------------------------------------------------------

    def _admit(self, received: Received[Prompt], tasks: asyncio.TaskGroup) -> None:
        lane = self._lanes.get(received.session)
        if lane is None:
            lane = self._lanes[received.session] = deque([received])
            tasks.create_task(self._work(received.session, lane))
        elif len(lane) < LANE_LIMIT:
            lane.append(received)
        else:
            tasks.create_task(Answer(self._bus, received).fail("busy", f"{LANE_LIMIT} prompts wait already"))

    async def _work(self, session: str, lane: deque[Received[Prompt]]) -> None:
        """Answer a session's prompts until none waits."""
        try:
            while lane:
                await self._turn(lane.popleft())
        finally:
            del self._lanes[session]

    async def _turn(self, received: Received[Prompt]) -> None:
        """Answer one prompt; whatever goes wrong ends with it."""
        answer = Answer(self._bus, received)
        answer.report(TurnKind.RECEIVED)
        if not self._bus.is_live(received.session, received.turn):
            answer.cut()  # it died while it waited
            return
        try:
            async with self._bus.turn_scope(received.session, received.turn) as scope:
                await self._answer(received.message, answer)
        except BackendError as error:
            if error.code in ABOUT_SERVER:
                self._wait(Waiting(error.code, error.detail))
            await answer.fail(error.code, error.detail)
        except PeerStalled:
            await answer.fail("peer_stalled", "nobody takes tokens")
        except Exception as error:  # the work of one turn
            self._bus.log.error("turn failed", turn=received.turn, kind=type(error).__name__)
            await answer.fail("llm_failed", f"mistake of ours: {type(error).__name__}")
        else:
            if scope.cancelled:
                answer.cut()
        finally:
            answer.close()

    async def _answer(self, prompt: Prompt, answer: "Answer") -> None:
        if prompt.verbatim:
            for token in read_out(prompt.verbatim):
                await answer.push(token)
                await asyncio.sleep(0)  # a long text must not hold the loop, and must be cut in its middle
            return
        loop = asyncio.get_running_loop()
        silence = loop.call_later(
            SILENCE_S, self._wait, Waiting("llm_loading", f"silent for {SILENCE_S:g} s")
        )
        try:
            async with aclosing(self._backend.reply(prompt)) as reply:
                async for item in reply:
                    if isinstance(item, Waiting):
                        self._wait(item)
                        continue
                    if item.index == 0:
                        silence.cancel()
                        self._heard()
                    await answer.push(item)
        finally:
            silence.cancel()

    # --- the server ---------------------------------------------------------------------------------

    async def _watch_server(self) -> None:
        """Know how the server is before a prompt comes; while replies are made, they tell."""
        n_absent = 0
        while True:
            if not self._lanes:
                self._set_status(await self._backend.probe())
            if self._status.state is NodeState.READY:
                n_absent, pause_s = 0, READY_PERIOD_S
            else:
                pause_s = ABSENT_PERIODS_S[min(n_absent, len(ABSENT_PERIODS_S) - 1)]
                n_absent += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._look_now.wait()
            self._look_now.clear()

    def _heard(self) -> None:
        if self._status.state is not NodeState.READY:
            self._set_status(ServerStatus(NodeState.READY, detail="it speaks", model=self._status.model))

    def _wait(self, waiting: Waiting) -> None:
        status = replace(self._status, state=state_of(waiting.code), code=waiting.code, detail=waiting.detail)
        self._set_status(status)

    def _set_status(self, status: ServerStatus) -> None:
        if status == self._status:
            return
        if status.state is not self._status.state:
            self._bus.log.info("server", state=status.state, code=status.code, detail=status.detail)
            if self._status.state is NodeState.READY:
                self._look_now.set()
        self._status = status
        address = self._backend.address
        self._bus.report(status.state, status.code, status.detail, address=address, model=status.model)

    # --- levels -------------------------------------------------------------------------------------

    async def _forget_ended_sessions(self) -> None:
        """A reply outlives its session for nobody."""
        async for change in self._bus.follow("control.session.").changes():
            if is_over(self._bus.session(change.session)):
                self._bus.clear_state("report.reply", change.session)


class Answer:
    """One turn's reply on its way out: tokens at once, the text so far now and then."""

    def __init__(self, bus: Bus, received: Received[Prompt]) -> None:
        self._bus = bus
        self._session, self._turn = received.session, received.turn
        self._began_ns = bus.clock.mono_ns()
        self._pieces: list[str] = []
        self._n_tokens = 0
        self._timer: asyncio.TimerHandle | None = None
        """Runs while the level must not be published again yet."""
        self._is_outdated = False
        self._is_over = False

    async def push(self, token: Token) -> None:
        """Send a token on.

        Raises:
            PeerStalled: nobody takes it.
        """
        await self._bus.push("flow.token", token, self._session, self._turn)
        self._n_tokens += 1
        self._pieces.append(token.text)
        if self._n_tokens == 1:
            self.report(TurnKind.FIRST_TOKEN)
        if token.final:
            self._is_over = True
            self._publish(token.finish_reason)
            self.report(TurnKind.DONE)
        else:
            self._refresh()

    async def fail(self, code: str, detail: str) -> None:
        """Give the reply up: who waits for its end gets one."""
        self.report(TurnKind.FAILED, code, detail)
        self._publish(code)
        final = Token(self._n_tokens, "", final=True, finish_reason=code)
        with suppress(PeerStalled):  # reported as failed already
            await self._bus.push("flow.token", final, self._session, self._turn)

    def cut(self) -> None:
        """The turn has died: nothing more is sent, but what was said is known."""
        if self._is_over:
            return
        self.report(TurnKind.CUT)
        if self._pieces:
            self._publish("cut")

    def report(self, kind: TurnKind, code: str = "", detail: str = "") -> None:
        """Tell a milestone."""
        elapsed_ms = (self._bus.clock.mono_ns() - self._began_ns) / 1e6
        event = TurnEvent(kind, elapsed_ms, code, detail)
        self._bus.emit("report.turn.llm_streamer", event, self._session, self._turn)

    def close(self) -> None:
        """Nothing is published from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _refresh(self) -> None:
        """Publish the text so far, now or when the period since the last time is over."""
        if self._timer is not None:
            self._is_outdated = True
            return
        self._publish()
        self._is_outdated = False
        self._timer = asyncio.get_running_loop().call_later(LEVEL_PERIOD_S, self._period_over)

    def _period_over(self) -> None:
        self._timer = None
        if self._is_outdated:
            self._refresh()

    def _publish(self, finish_reason: str = "") -> None:
        if is_over(self._bus.session(self._session)):
            return  # nobody would clear it again
        if finish_reason:
            self.close()  # a text so far that comes later would take the end back
        text = "".join(self._pieces)
        state = ReplyState(self._turn, text, complete=bool(finish_reason), finish_reason=finish_reason)
        self._bus.set_state("report.reply", state, self._session, self._turn)


def is_over(state: SessionState | None) -> bool:
    """Whether a session has ended or is lost."""
    return state is None or state.phase is Phase.IDLE
