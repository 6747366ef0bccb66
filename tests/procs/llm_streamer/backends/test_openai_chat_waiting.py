"""Models that load, and words that take long or never come."""

from dataclasses import replace

import pytest

from bus.messages import Token
from procs.llm_streamer.backends.base import Waiting
from tests.doubles.llm import DONE, End, Script, chat, refuse, say
from tests.procs.llm_streamer.backends.asking import HELLO, ask, ask_in_vain, client
from tests.waiting import until

pytestmark = pytest.mark.flow


async def test_a_model_swap_with_a_silent_head(llm):
    llm.play(replace(say("Hello", " there."), silent_s=0.3))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO


async def test_a_first_word_that_takes_long(llm):
    llm.play(say("Hello", " there.", first_ms=300))
    async with client(llm, stall_timeout_s=0.1) as chat_client:
        assert await ask(chat_client) == HELLO


async def test_loading_told_as_reasoning_is_never_spoken(llm):
    loading = [chat(thought="llama-swap loading model: stub"), 0.05] * 4
    llm.play(Script([*loading, chat("Hello"), chat(" there."), chat(finish="stop"), DONE]))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_loading_server_is_asked_again_until_it_answers(llm, status):
    llm.play(*[refuse(status, {"message": "Loading model"})] * 3)
    async with client(llm) as chat_client:
        items = await ask(chat_client)
    assert [item for item in items if isinstance(item, Token)] == HELLO
    waits = [item for item in items if isinstance(item, Waiting)]
    assert waits == [Waiting("llm_loading", f"HTTP {status}: Loading model")] * 2


async def test_a_server_that_loads_for_ever(llm):
    llm.default = refuse(503, {"message": "Loading model"})
    async with client(llm, first_token_timeout_s=0.5) as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_loading"


@pytest.mark.parametrize("steps", [[End.HANG], [chat(thought="hm"), End.HANG]])
async def test_a_first_word_that_never_comes(llm, steps):
    llm.play(Script(steps))
    async with client(llm, first_token_timeout_s=0.2) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (given, failure.code) == ([], "llm_timeout")
    await until(lambda: llm.n_busy == 0)


async def test_a_head_that_never_comes(llm):
    llm.play(Script(silent_s=60.0))
    async with client(llm, first_token_timeout_s=0.2) as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_timeout"
    await until(lambda: llm.disconnects == 1)
