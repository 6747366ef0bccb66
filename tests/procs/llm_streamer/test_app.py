import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from bus.errors import BackendError
from bus.messages import (
    ChatMessage,
    NodeState,
    Phase,
    Prompt,
    ReplyState,
    SessionState,
    Token,
    TurnKind,
    TurnState,
)
from bus.testing import MemoryNode
from procs.llm_streamer import app as app_module
from procs.llm_streamer.app import LANE_LIMIT, Streamer
from procs.llm_streamer.backends.base import ServerStatus, Waiting
from tests.waiting import until

pytestmark = pytest.mark.unit

SESSION, OTHER = "20261120-173000-a1b2", "20261120-173000-c3d4"
TURN = 1_000
READY = ServerStatus(NodeState.READY, detail="fine", model="stub")
PROMPT = Prompt((ChatMessage("user", "hello"),))
REPLY = [Token(0, "Hello"), Token(1, " there."), Token(2, "", final=True, finish_reason="stop")]

Step = Token | Waiting | Exception | asyncio.Event
"""Given, raised, or waited for."""


class StubBackend:
    """Plays a list of steps for each prompt, in the order of the prompts."""

    address = "http://stub"

    def __init__(self, *replies: list[Step]) -> None:
        self.replies = list(replies)
        self.prompts: list[Prompt] = []
        self.n_open = 0
        self.status = READY
        self.n_probes = 0
        self.is_closed = False

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Token | Waiting, None]:
        self.prompts.append(prompt)
        self.n_open += 1
        try:
            for step in self.replies.pop(0):
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.n_open -= 1

    async def probe(self) -> ServerStatus:
        self.n_probes += 1
        return self.status

    async def close(self) -> None:
        self.is_closed = True


class Stage:
    """The app under test, with one session and the means to play the others."""

    def __init__(self, backend: StubBackend) -> None:
        self.backend = backend
        self.node = MemoryNode("llm_streamer", Streamer.reads)
        self.app = Streamer(self.node, backend)

    async def be(self, phase: Phase, session: str = SESSION) -> None:
        state = SessionState("discord_voice", phase, since_ms=1, revision=1)
        await self.node.deliver("control.session.discord_voice", state, session)

    async def raise_floor(self, floor: int) -> None:
        await self.node.deliver("control.turn", TurnState(floor, 0), SESSION)

    async def ask(self, turn: int = TURN, prompt: Prompt = PROMPT, session: str = SESSION) -> None:
        await self.node.deliver("flow.prompt", prompt, session, turn)

    def tokens(self, turn: int = TURN, session: str = SESSION) -> list[Token]:
        return [message for _, message, s, t in self.node.pushed if (s, t) == (session, turn)]

    def events(self, turn: int = TURN) -> list[tuple[TurnKind, str]]:
        return [(message.kind, message.code) for _, message, _, t in self.node.emitted if t == turn]

    def reply(self, session: str = SESSION) -> ReplyState | None:
        found = self.node.states.get(("report.reply", session))
        assert found is None or isinstance(found, ReplyState)
        return found

    def ended(self, turn: int = TURN) -> Callable[[], bool]:
        last = (TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED)
        return lambda: any(kind in last for kind, _ in self.events(turn))


@asynccontextmanager
async def stage(*replies: list[Step]) -> AsyncIterator[Stage]:
    found = Stage(StubBackend(*replies))
    await found.be(Phase.ACTIVE)
    await found.be(Phase.ACTIVE, OTHER)
    task = asyncio.create_task(found.app.run())
    try:
        yield found
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert found.backend.is_closed
    assert found.backend.n_open == 0


# --- a reply --------------------------------------------------------------------------------------------


async def test_a_reply_goes_out_as_it_comes():
    async with stage(REPLY) as on:
        await on.ask()
        await until(on.ended())
    assert on.tokens() == REPLY
    assert on.reply() == ReplyState(TURN, "Hello there.", complete=True, finish_reason="stop")
    assert on.events() == [(TurnKind.RECEIVED, ""), (TurnKind.FIRST_TOKEN, ""), (TurnKind.DONE, "")]


async def test_the_prompt_reaches_the_model():
    async with stage(REPLY) as on:
        await on.ask()
        await until(on.ended())
    assert on.backend.prompts == [PROMPT]


async def test_a_text_to_read_out_needs_no_model():
    async with stage() as on:
        await on.ask(prompt=Prompt((), verbatim="Say this. Now!"))
        await until(on.ended())
    assert "".join(token.text for token in on.tokens()) == "Say this. Now!"
    assert [token.final for token in on.tokens()] == [False, False, False, True]
    assert on.backend.prompts == []


async def test_the_text_so_far_is_published_without_waiting_for_the_next_token():
    forever = asyncio.Event()
    async with stage([REPLY[0], REPLY[1], forever]) as on:
        await on.ask()
        await until(lambda: on.reply() == ReplyState(TURN, "Hello", complete=False))
        await until(lambda: on.reply() == ReplyState(TURN, "Hello there.", complete=False))
        assert not on.ended()(), "the next token is still awaited"


async def test_many_tokens_are_few_levels(monkeypatch):
    monkeypatch.setattr(app_module, "LEVEL_PERIOD_S", 60.0)
    many: list[Step] = [Token(index, "word ") for index in range(100)]
    async with stage([*many, Token(100, "", final=True, finish_reason="length")]) as on:
        n_levels = 0
        publish = on.node.set_state

        def count(*args: object, **kwargs: object) -> None:
            nonlocal n_levels
            n_levels += 1
            publish(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(on.node, "set_state", count)
        await on.ask()
        await until(on.ended())
        assert on.reply() == ReplyState(TURN, "word " * 100, complete=True, finish_reason="length")
    assert n_levels == 2, "the first token and the end"


async def test_the_end_of_a_reply_is_not_taken_back_while_its_server_lingers(monkeypatch):
    monkeypatch.setattr(app_module, "LEVEL_PERIOD_S", 0.01)
    lingers = asyncio.Event()
    async with stage([*REPLY, lingers]) as on:
        await on.ask()
        await until(on.ended())
        await asyncio.sleep(0.05)
        assert on.reply() == ReplyState(TURN, "Hello there.", complete=True, finish_reason="stop")


async def test_a_reply_is_forgotten_with_its_session():
    async with stage(REPLY) as on:
        await on.ask()
        await until(on.ended())
        await on.be(Phase.STOPPING)
        await asyncio.sleep(0)
        assert on.reply(), "what was said last must be readable until the session is over"
        await on.be(Phase.IDLE)
        await until(lambda: on.reply() is None)


# --- several prompts ------------------------------------------------------------------------------------


async def test_prompts_of_one_session_are_answered_in_turn():
    gate = asyncio.Event()
    async with stage([gate, *REPLY], REPLY, REPLY) as on:
        for turn in (TURN, TURN + 1, TURN + 2):
            await on.ask(turn)
        await until(lambda: on.backend.n_open == 1)
        assert len(on.backend.prompts) == 1
        gate.set()
        await until(on.ended(TURN + 2))
    assert [turn for _, _, _, turn in on.node.pushed] == [TURN] * 3 + [TURN + 1] * 3 + [TURN + 2] * 3


async def test_sessions_do_not_wait_for_each_other():
    never = asyncio.Event()
    async with stage([never], REPLY) as on:
        await on.ask()
        await until(lambda: on.backend.n_open == 1)
        await on.ask(session=OTHER)
        await until(lambda: on.tokens(session=OTHER) == REPLY)
        assert on.tokens() == []


async def test_too_many_prompts_are_refused_and_not_kept():
    gate = asyncio.Event()
    async with stage([gate, *REPLY], *[REPLY] * LANE_LIMIT) as on:
        for turn in range(TURN, TURN + LANE_LIMIT + 2):
            await on.ask(turn)
            await asyncio.sleep(0.001)
        refused = TURN + LANE_LIMIT + 1
        await until(on.ended(refused))
        assert on.events(refused) == [(TurnKind.FAILED, "busy")]
        assert on.tokens(refused) == [Token(0, "", final=True, finish_reason="busy")]
        gate.set()
        await until(on.ended(refused - 1))


# --- turns that die -------------------------------------------------------------------------------------


async def test_a_dead_turn_ends_the_servers_work_at_once():
    never = asyncio.Event()
    async with stage([REPLY[0], never], REPLY) as on:
        await on.ask()
        await until(on.tokens)
        await on.raise_floor(TURN + 1)
        await until(on.ended())
        assert on.backend.n_open == 0
        assert on.events()[-1] == (TurnKind.CUT, "")
        assert on.reply() == ReplyState(TURN, "Hello", complete=True, finish_reason="cut")
        await on.ask(TURN + 1)
        await until(on.ended(TURN + 1))
    assert on.tokens() == REPLY[:1], "nothing of the dead turn after its death"
    assert on.tokens(TURN + 1) == REPLY


async def test_a_turn_that_dies_after_its_last_token_is_done_and_not_cut():
    never = asyncio.Event()
    async with stage([*REPLY, never]) as on:
        await on.ask()
        await until(on.ended())
        await on.raise_floor(TURN + 1)
        await until(lambda: on.backend.n_open == 0)
    assert on.events()[-1] == (TurnKind.DONE, "")
    assert on.reply() == ReplyState(TURN, "Hello there.", complete=True, finish_reason="stop")


async def test_a_text_that_is_read_out_can_be_cut_in_its_middle():
    async with stage() as on:
        await on.ask(prompt=Prompt((), verbatim="word " * 800))
        while not on.tokens():  # step by step: the whole text takes no longer than one look of `until`
            await asyncio.sleep(0)
        await on.raise_floor(TURN + 1)
        await until(on.ended())
    assert on.events()[-1] == (TurnKind.CUT, "")
    assert not any(token.final for token in on.tokens())


async def test_a_prompt_that_dies_while_it_waits_is_never_asked():
    gate = asyncio.Event()
    async with stage([gate, *REPLY], REPLY) as on:
        await on.ask()
        await on.ask(TURN + 1)
        await until(lambda: on.backend.n_open == 1)
        await on.raise_floor(TURN + 2)
        await until(on.ended(TURN + 1))
    assert len(on.backend.prompts) == 1
    assert on.tokens(TURN + 1) == []


async def test_a_lost_session_leaves_no_reply_behind():
    never = asyncio.Event()
    async with stage([REPLY[0], never]) as on:
        await on.ask()
        await until(on.reply)
        on.node.lose("control.session.discord_voice")
        await until(on.ended())
        await until(lambda: on.reply() is None)
        assert on.backend.n_open == 0, "the model's slot is free"


# --- failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_before", [0, 1])
async def test_a_failed_turn_is_ended_for_all_who_wait_for_it(n_before):
    async with stage([*REPLY[:n_before], BackendError("llm_failed", "it broke")], REPLY) as on:
        await on.ask()
        await until(lambda: any(token.final for token in on.tokens()))
        await on.ask(TURN + 1)
        await until(on.ended(TURN + 1))
    assert on.tokens() == [*REPLY[:n_before], Token(n_before, "", final=True, finish_reason="llm_failed")]
    assert on.events()[-1] == (TurnKind.FAILED, "llm_failed")
    assert on.tokens(TURN + 1) == REPLY


async def test_a_mistake_of_ours_costs_one_turn():
    async with stage([ValueError("secret words")], REPLY) as on:
        await on.ask()
        await on.ask(TURN + 1)
        await until(on.ended(TURN + 1))
    assert on.events()[-1] == (TurnKind.FAILED, "llm_failed")
    assert on.tokens(TURN + 1) == REPLY
    assert "secret" not in str(on.node.log.lines)
    assert "secret" not in str(on.node.emitted)


async def test_a_reader_that_takes_nothing_fails_the_turn():
    async with stage(REPLY, REPLY) as on:
        on.node.stalled.add("flow.token")
        await on.ask()
        await until(on.ended())
        assert on.events()[-1] == (TurnKind.FAILED, "peer_stalled")
        on.node.stalled.clear()
        await on.ask(TURN + 1)
        await until(on.ended(TURN + 1))
    assert on.tokens(TURN + 1) == REPLY


# --- health ---------------------------------------------------------------------------------------------


async def test_health_knows_the_server_before_any_prompt():
    async with stage() as on:
        await until(lambda: on.node.health.state is NodeState.READY)
        assert on.node.health.facts == {"address": "http://stub", "model": "stub"}


async def test_an_absent_server_is_found_when_it_comes(monkeypatch):
    monkeypatch.setattr(app_module, "ABSENT_PERIODS_S", (0.01,))
    async with stage() as on:
        on.backend.status = ServerStatus(NodeState.DEGRADED, "llm_unreachable", "nobody")
        await until(lambda: on.node.health.code == "llm_unreachable")
        on.backend.status = READY
        await until(lambda: on.node.health.state is NodeState.READY)
        assert on.node.health.code == ""


async def test_a_loading_model_is_seen_until_its_first_word():
    gate, never = asyncio.Event(), asyncio.Event()
    async with stage([Waiting("llm_loading", "HTTP 503"), gate, REPLY[0], never]) as on:
        await until(lambda: on.node.health.state is NodeState.READY)
        await on.ask()
        await until(lambda: on.node.health.state is NodeState.LOADING)
        assert (on.node.health.code, on.node.health.detail) == ("llm_loading", "HTTP 503")
        gate.set()
        await until(lambda: on.node.health.state is NodeState.READY)


async def test_a_silent_server_counts_as_loading(monkeypatch):
    monkeypatch.setattr(app_module, "SILENCE_S", 0.02)
    gate = asyncio.Event()
    async with stage([gate, *REPLY]) as on:
        await on.ask()
        await until(lambda: on.node.health.state is NodeState.LOADING)
        gate.set()
        await until(on.ended())
        assert on.node.health.state is NodeState.READY


async def test_a_server_that_went_away_is_seen_by_the_turn_that_meets_it(monkeypatch):
    monkeypatch.setattr(app_module, "ABSENT_PERIODS_S", (0.05,))
    async with stage([BackendError("llm_unreachable", "nobody")]) as on:
        await until(lambda: on.node.health.state is NodeState.READY)
        on.backend.status = ServerStatus(NodeState.DEGRADED, "llm_unreachable", "nobody")
        await on.ask()
        await until(lambda: on.node.health.code == "llm_unreachable")
        on.backend.status = READY
        await until(lambda: on.node.health.state is NodeState.READY)
        assert on.node.health.code == ""


async def test_no_look_at_the_server_while_it_answers(monkeypatch):
    monkeypatch.setattr(app_module, "READY_PERIOD_S", 0.01)
    never = asyncio.Event()
    async with stage([never]) as on:
        await until(lambda: on.backend.n_probes > 2)
        await on.ask()
        await until(lambda: on.backend.n_open == 1)
        n_probes = on.backend.n_probes
        await asyncio.sleep(0.05)
        assert on.backend.n_probes <= n_probes + 1
