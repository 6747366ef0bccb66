"""What chat servers really do, played by a double over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from bus.errors import BackendError, BadSettings
from bus.messages import ChatMessage, NodeState, Prompt, Token
from procs.llm_streamer.backends.base import Waiting
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat, Sampling
from procs.llm_streamer.core.sse import EVENT_LIMIT_BYTES
from tests.doubles.llm import (
    DONE,
    MODEL,
    End,
    LlmDouble,
    Script,
    answer,
    chat,
    endless,
    event,
    refuse,
    say,
    usage,
)
from tests.ports import free_base_port
from tests.waiting import until

pytestmark = pytest.mark.flow

LIMITS = Limits(
    connect_timeout_s=2.0,
    first_token_timeout_s=5.0,
    stall_timeout_s=5.0,
    reply_timeout_s=20.0,
    max_reply_chars=16_000,
)
SECRET = "The garden key lies under the third stone."
PROMPT = Prompt((ChatMessage("user", SECRET),))
SAMPLING = Sampling(max_tokens=200, temperature=0.8, stop=("\n\n", "User:"))
HELLO = [Token(0, "Hello"), Token(1, " there."), Token(2, "", final=True, finish_reason="stop")]


@pytest.fixture
async def llm() -> AsyncIterator[LlmDouble]:
    async with LlmDouble(say("Hello", " there.")) as double:
        yield double


@asynccontextmanager
async def client(
    llm: LlmDouble, *, model: str = MODEL, api_key: str = "", max_tokens: int = 200, **limits: float
) -> AsyncIterator[OpenAiChat]:
    chat_client = OpenAiChat(
        llm.url, model, api_key, replace(SAMPLING, max_tokens=max_tokens), replace(LIMITS, **limits)
    )
    try:
        yield chat_client
    finally:
        await chat_client.close()


async def ask(chat_client: OpenAiChat, prompt: Prompt = PROMPT) -> list[Token | Waiting]:
    return [item async for item in chat_client.reply(prompt)]


async def ask_in_vain(
    chat_client: OpenAiChat, prompt: Prompt = PROMPT
) -> tuple[list[Token | Waiting], BackendError]:
    """What was given before the failure, and the failure."""
    given: list[Token | Waiting] = []
    try:
        async for item in chat_client.reply(prompt):
            given.append(item)
    except BackendError as failure:
        return given, failure
    raise AssertionError(f"a reply came: {given}")


def spoken(items: list[Token | Waiting]) -> str:
    return "".join(item.text for item in items if isinstance(item, Token))


# --- a server that works --------------------------------------------------------------------------------


async def test_tokens_as_they_come_and_what_was_asked(llm):
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO
    request = llm.requests[0]
    assert request["messages"] == [{"role": "user", "content": SECRET}]
    assert request["stream"] is True
    assert (request["max_tokens"], request["temperature"], request["stop"]) == (200, 0.8, ["User:"])


async def test_each_token_is_given_before_the_next_one_is_sent(llm):
    llm.play(Script([chat("Hello"), End.HANG]))
    async with client(llm) as chat_client, aclosing(chat_client.reply(PROMPT)) as reply:
        assert await anext(reply) == Token(0, "Hello")


async def test_the_connection_is_used_again(llm):
    async with client(llm) as chat_client:
        await ask(chat_client)
        await ask(chat_client)
    assert llm.peers[0] == llm.peers[1]


async def test_a_connection_that_the_server_has_closed_costs_nothing(llm):
    async with client(llm) as chat_client:
        await ask(chat_client)
        await llm.stop()
        await llm.start()
        assert await ask(chat_client) == HELLO


async def test_replies_side_by_side(llm):
    llm.default = say(*["word "] * 20, token_ms=1)
    async with client(llm) as chat_client:
        replies = await asyncio.gather(*(ask(chat_client) for _ in range(10)))
    assert [spoken(reply) for reply in replies] == ["word " * 20] * 10


async def test_without_a_model_the_first_chat_model_is_asked(llm):
    llm.models = ("nomic-embed-text", "qwen3")
    async with client(llm, model="") as chat_client:
        assert await ask(chat_client) == HELLO
        await ask(chat_client)
    assert [request["model"] for request in llm.requests] == ["qwen3", "qwen3"]
    assert llm.n_looks == 1


async def test_the_key_is_sent():
    async with (
        LlmDouble(say("Hello", " there."), api_key="sesame") as llm,
        client(llm, api_key="sesame") as right,
    ):
        assert await ask(right) == HELLO
        async with client(llm, api_key="open up") as wrong:
            _, failure = await ask_in_vain(wrong)
    assert failure.code == "llm_refused"
    assert "open up" not in str(failure)


async def test_a_server_that_does_not_stream(llm):
    llm.play(answer("Hello there."))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == [
            Token(0, "Hello there."),
            Token(1, "", final=True, finish_reason="stop"),
        ]


# --- streams that are not as they should be -------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        [chat(finish="stop"), DONE],
        [chat(finish="stop")],
        [DONE],
        [],
        [chat(finish="stop"), usage(), End.CUT],
        [chat(finish="stop"), End.HANG],
    ],
)
async def test_every_end_after_the_last_word_is_fine(llm, end):
    llm.play(Script([chat("Hello"), chat(" there."), *end]))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO


async def test_a_cut_stream_keeps_what_was_said_and_fails(llm):
    llm.play(Script([chat("Hello"), chat(" there"), 0.02, End.CUT]))
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert spoken(given) == "Hello there"
    assert failure.code == "llm_failed"
    assert len(llm.requests) == 1, "a reply that was begun is never begun again"


async def test_a_stream_cut_before_the_first_word_is_tried_again(llm):
    llm.play(Script([chat(""), 0.02, End.CUT]))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO


@pytest.mark.parametrize("error", [{"message": "it broke", "code": 500}, "it broke"])
async def test_an_error_inside_the_stream(llm, error):
    llm.play(Script([chat("Hello"), event({"error": error}), DONE]))
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert spoken(given) == "Hello"
    assert failure.code == "llm_failed"
    assert "it broke" in failure.detail
    assert len(llm.requests) == 1


@pytest.mark.parametrize(
    "steps",
    [
        [DONE],
        [],
        [chat(""), chat(finish="stop"), usage(), DONE],
        [chat(thought="Loading..."), chat(thought="unable to start process"), DONE],
    ],
)
async def test_a_reply_without_content(llm, steps):
    llm.play(Script(steps))
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (given, failure.code) == ([], "llm_empty")


async def test_broken_json(llm):
    llm.play(Script([chat("Hello"), b'data: {"choices": [{"del\n\n', chat(" there")]))
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (spoken(given), failure.code) == ("Hello", "llm_failed")


async def test_a_line_of_a_megabyte(llm):
    llm.play(
        Script([chat("Hello"), event({"choices": [], "padding": "x" * 1_000_000}), chat(" there."), DONE])
    )
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO


async def test_a_line_without_end_is_given_up(llm):
    llm.play(Script([chat("Hello"), b"data: ", b"x" * (EVENT_LIMIT_BYTES + 100), End.HANG]))
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (spoken(given), failure.code) == ("Hello", "llm_failed")
    await until(lambda: llm.n_busy == 0)


async def test_a_word_of_a_megabyte_is_cut_to_what_a_reply_may_have(llm):
    llm.play(Script([chat("x" * 1_000_000), End.HANG]))
    async with client(llm, max_tokens=5000) as chat_client:
        reply = await ask(chat_client)
    assert len(spoken(reply)) == 16_000
    assert reply[-1] == Token(1, "", final=True, finish_reason="length")


async def test_invalid_utf8(llm):
    llm.play(Script([b'data: {"choices": [{"delta": {"content": "a\xffb"}}]}\n\n', DONE]))
    async with client(llm) as chat_client:
        assert spoken(await ask(chat_client)) == "a\ufffdb"


async def test_stop_strings_are_kept_for_servers_that_do_not(llm):
    llm.play(Script([chat("Fine. Us"), chat("er: and"), End.HANG]))
    async with client(llm) as chat_client:
        assert spoken(await ask(chat_client)) == "Fine. "
    await until(lambda: llm.n_busy == 0)


async def test_an_endless_stream_ends_at_its_length(llm):
    llm.play(Script(endless("word ", token_ms=0.01)))
    async with client(llm, max_tokens=50) as chat_client:
        reply = await ask(chat_client)
    assert len(spoken(reply)) == 400
    assert reply[-1].finish_reason == "length"
    await until(lambda: llm.n_busy == 0)


async def test_an_endless_drip_ends_in_time(llm):
    llm.play(Script(endless("w ", token_ms=5)))
    async with client(llm, reply_timeout_s=0.2) as chat_client:
        reply = await ask(chat_client)
    assert reply[-1].finish_reason == "length"
    assert [item.final for item in reply] == [False] * (len(reply) - 1) + [True]


async def test_a_stall_in_the_middle(llm):
    llm.play(Script([chat("Hello"), End.HANG]))
    async with client(llm, stall_timeout_s=0.1) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (spoken(given), failure.code) == ("Hello", "llm_timeout")
    await until(lambda: llm.n_busy == 0)


async def test_signs_of_life_without_words_are_a_stall_too(llm):
    pings = [b": ping\n\n", 0.02] * 50
    llm.play(Script([chat("Hello"), *pings, End.HANG]))
    async with client(llm, stall_timeout_s=0.15) as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_timeout"


# --- waiting for a model --------------------------------------------------------------------------------


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


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (refuse(401, {"message": "Invalid API Key"}), "llm_refused"),
        (refuse(403, "Forbidden"), "llm_refused"),
        (refuse(400, {"message": "bad", "type": "invalid_request_error"}), "llm_refused"),
        (refuse(400, {"message": "too long", "type": "exceed_context_size_error"}), "llm_prompt_too_long"),
        (refuse(400, "could not find suitable inference handler for model"), "llm_model_unknown"),
        (refuse(404, {"message": "model not found"}), "llm_model_unknown"),
        (refuse(404, "model not found"), "llm_model_unknown"),
        (refuse(429, "slow down", headers={"Retry-After": "3600"}), "llm_busy"),
    ],
)
async def test_a_refusal_is_told_at_once(llm, refusal, code):
    llm.play(refusal)
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    assert (given, failure.code) == ([], code)
    assert len(llm.requests) == 1


async def test_an_unknown_model_is_named(llm):
    llm.play(refuse(404, {"message": "not found"}))
    async with client(llm, model="miku-7b") as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert "miku-7b" in failure.detail


async def test_a_busy_server_is_asked_again_when_it_says(llm):
    llm.play(refuse(429, "slow down", headers={"Retry-After": "0.1"}))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == [Waiting("llm_busy", "HTTP 429: slow down"), *HELLO]


async def test_a_server_that_stays_busy(llm):
    llm.default = refuse(429, "slow down", headers={"Retry-After": "0.02"})
    async with client(llm) as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_busy"
    assert len(llm.requests) == 3


async def test_an_empty_400_after_a_swap_is_tried_once_more(llm):
    llm.play(refuse(400))
    async with client(llm) as chat_client:
        assert await ask(chat_client) == HELLO
        llm.play(refuse(400), refuse(400))
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_refused"


async def test_a_refusal_never_quotes_the_prompt(llm):
    llm.play(refuse(422, {"message": f"Input should be a valid list, input: '{SECRET}'"}))
    async with client(llm) as chat_client:
        _, failure = await ask_in_vain(chat_client)
    assert failure.code == "llm_refused"
    assert "garden" not in failure.detail


async def test_nobody_there(llm):
    await llm.stop()
    async with client(llm) as chat_client:
        given, failure = await ask_in_vain(chat_client)
    await llm.start()
    assert {item.code for item in given} == {"llm_unreachable"}
    assert failure.code == "llm_unreachable"
    assert llm.url in failure.detail


async def test_a_server_that_restarts_in_between(llm):
    await llm.stop()
    async with client(llm) as chat_client, aclosing(chat_client.reply(PROMPT)) as reply:
        assert (await anext(reply)).code == "llm_unreachable"
        await llm.start()
        tokens = [item async for item in reply if isinstance(item, Token)]
    assert tokens == HELLO


async def test_something_that_is_no_chat_server():
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail server ready\r\n")
        writer.close()

    port = free_base_port()
    async with await asyncio.start_server(greet, "127.0.0.1", port):
        chat_client = OpenAiChat(f"127.0.0.1:{port}", MODEL, "", SAMPLING, LIMITS)
        _, failure = await ask_in_vain(chat_client)
        await chat_client.close()
    assert failure.code == "llm_unreachable"


def test_settings_that_cannot_work_are_said_at_the_start():
    with pytest.raises(BadSettings, match=r"llm\.base_url"):
        OpenAiChat("ftp://box", "", "", SAMPLING, LIMITS)
    with pytest.raises(BadSettings, match=r"llm\.api_key"):
        OpenAiChat("http://box", "", "key\nwith a line", SAMPLING, LIMITS)


# --- cancelling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        Script(silent_s=60.0),
        Script([End.HANG]),
        Script([chat(thought="hm"), End.HANG]),
        Script(endless("word ", token_ms=1)),
    ],
    ids=["before the head", "before the first byte", "while it thinks", "while it speaks"],
)
async def test_cancelling_frees_the_servers_slot(llm, script):
    llm.play(script)
    async with client(llm, max_tokens=1_000_000, max_reply_chars=1_000_000) as chat_client:
        task = asyncio.create_task(ask(chat_client))
        await until(lambda: llm.n_busy == 1)
        task.cancel()
        await until(lambda: (llm.n_busy, llm.disconnects) == (0, 1), timeout_s=1.0)
        assert await ask(chat_client) == HELLO


async def test_closing_the_reply_frees_the_servers_slot(llm):
    llm.play(Script([chat("Hello"), End.HANG]))
    async with client(llm) as chat_client:
        async with aclosing(chat_client.reply(PROMPT)) as reply:
            await anext(reply)
        await until(lambda: llm.n_busy == 0, timeout_s=1.0)


# --- looking at the server ------------------------------------------------------------------------------


async def test_a_ready_server(llm):
    async with client(llm, model="") as chat_client:
        status = await chat_client.probe()
    assert (status.state, status.code, status.model) == (NodeState.READY, "", MODEL)


async def test_a_server_that_is_loading(llm):
    llm.health_status = 503
    async with client(llm) as chat_client:
        status = await chat_client.probe()
        assert (status.state, status.code) == (NodeState.LOADING, "llm_loading")
        llm.health_status = 200
        assert (await chat_client.probe()).state is NodeState.READY


async def test_a_server_without_a_health_page_or_a_list(llm):
    llm.health_status = 404
    llm.models_status = 404
    async with client(llm) as chat_client:
        assert (await chat_client.probe()).state is NodeState.READY
    async with client(llm, model="") as chat_client:
        assert (await chat_client.probe()).code == "llm_model_unknown"


async def test_a_server_without_models(llm):
    llm.models = ()
    async with client(llm, model="") as chat_client:
        status = await chat_client.probe()
        _, failure = await ask_in_vain(chat_client)
    assert (status.state, status.code) == (NodeState.DEGRADED, "llm_model_unknown")
    assert failure.code == "llm_model_unknown"


async def test_a_refused_model_stays_wrong_until_it_is_listed(llm):
    llm.play(refuse(404, {"message": "not found"}))
    async with client(llm, model="miku-7b") as chat_client:
        assert (await chat_client.probe()).state is NodeState.READY, "a name may be an alias that no list has"
        await ask_in_vain(chat_client)
        assert (await chat_client.probe()).code == "llm_model_unknown"
        llm.models = (MODEL, "miku-7b")
        assert (await chat_client.probe()).state is NodeState.READY


async def test_nobody_to_look_at(llm):
    await llm.stop()
    async with client(llm) as chat_client:
        status = await chat_client.probe()
    await llm.start()
    assert (status.state, status.code) == (NodeState.DEGRADED, "llm_unreachable")


async def test_a_wrong_key_is_seen_before_the_first_prompt():
    async with LlmDouble(api_key="sesame") as llm, client(llm) as chat_client:
        assert (await chat_client.probe()).code == "llm_refused"
