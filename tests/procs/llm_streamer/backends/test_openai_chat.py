"""A chat server that works, played by a double over real sockets; and replies that are given up."""

import asyncio
from contextlib import aclosing

import pytest

from bus.messages import Token
from tests.doubles.llm import End, LlmDouble, Script, answer, chat, endless, say
from tests.procs.llm_streamer.backends.asking import (
    HELLO,
    PROMPT,
    SECRET,
    ask,
    ask_in_vain,
    client,
    spoken,
)
from tests.waiting import until

pytestmark = pytest.mark.flow


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
        await until(lambda: (llm.n_busy, llm.disconnects) == (0, 1))
        assert await ask(chat_client) == HELLO


async def test_closing_the_reply_frees_the_servers_slot(llm):
    llm.play(Script([chat("Hello"), End.HANG]))
    async with client(llm) as chat_client:
        async with aclosing(chat_client.reply(PROMPT)) as reply:
            await anext(reply)
        await until(lambda: llm.n_busy == 0)
        assert await ask(chat_client) == HELLO, "and the next one is served"
