"""Streams that are not as they should be."""

import pytest

from bus.messages import Token
from procs.llm_streamer.core.sse import EVENT_LIMIT_BYTES
from tests.doubles.llm import DONE, End, Script, chat, endless, event, usage
from tests.procs.llm_streamer.backends.asking import HELLO, ask, ask_in_vain, client, spoken
from tests.waiting import until

pytestmark = pytest.mark.flow


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
