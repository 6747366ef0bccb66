"""Servers that refuse, that are busy, or that are not there."""

import asyncio
from contextlib import aclosing

import pytest

from bus.errors import BadSettings
from bus.messages import Token
from procs.llm_streamer.backends.base import Waiting
from procs.llm_streamer.backends.openai_chat import OpenAiChat
from tests.doubles.llm import MODEL, refuse
from tests.ports import free_base_port
from tests.procs.llm_streamer.backends.asking import (
    HELLO,
    LIMITS,
    PROMPT,
    SAMPLING,
    SECRET,
    ask,
    ask_in_vain,
    client,
)

pytestmark = pytest.mark.flow


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
