import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Token
from procs.llm_streamer.core.failures import Failure
from procs.llm_streamer.core.tokens import TokenStream

pytestmark = pytest.mark.unit


def chunk(content: str | None = None, finish: str | None = None, thought: str | None = None) -> bytes:
    delta = {"content": content, "reasoning_content": thought}
    return f"data: {json.dumps({'choices': [{'delta': delta, 'finish_reason': finish}]})}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def tokens(*chunks: bytes, stop: tuple[str, ...] = (), max_tokens: int = 500) -> list[Token]:
    """Tokens of a stream that ends behind the chunks."""
    stream = TokenStream(stop, max_tokens, 16_000)
    return [token for part in (*chunks, b"") for token in stream.feed(part)]


def text(found: list[Token]) -> str:
    return "".join(token.text for token in found)


def test_each_delta_is_a_token_and_the_last_one_is_final():
    assert tokens(chunk("Hello"), chunk(" there."), chunk(finish="stop"), DONE) == [
        Token(0, "Hello"),
        Token(1, " there."),
        Token(2, "", final=True, finish_reason="stop"),
    ]


@pytest.mark.parametrize(
    "end",
    [
        (chunk(finish="stop"), DONE),
        (chunk(finish="stop"),),
        (DONE,),
        (b"data: [DONE]",),
        (),
        (chunk(finish="stop"), chunk(finish="stop"), DONE, DONE, chunk("late"), b"data: {broken\n\n"),
    ],
)
def test_every_kind_of_end_gives_one_final_token(end):
    found = tokens(chunk("Hello"), *end)
    assert text(found) == "Hello"
    assert [token.final for token in found] == [False, True]


def test_the_finish_reason_survives():
    assert tokens(chunk("Hello", finish="length"))[-1].finish_reason == "length"


def test_a_stop_string_across_chunks_ends_the_reply():
    found = tokens(chunk("Yes. Us"), chunk("er"), chunk(": more"), chunk(" and more"), stop=("User:",))
    assert text(found) == "Yes. "
    assert found[-1] == Token(1, "", final=True, finish_reason="stop")


def test_a_reply_is_cut_only_where_the_server_did_not_end_it():
    ended, cut = (TokenStream(("User:",), 500, 16_000) for _ in range(2))
    assert list(ended.feed(chunk("Yes.", finish="stop")))[-1].final
    assert list(cut.feed(chunk("Yes. User:")))[-1].final
    assert (ended.is_cut, cut.is_cut) == (False, True)


def test_text_held_back_comes_with_the_final_token():
    found = tokens(chunk("Ask the U"), chunk(finish="stop"), stop=("User:",))
    assert found == [Token(0, "Ask the "), Token(1, "U", final=True, finish_reason="stop")]


def test_a_server_that_ignores_max_tokens_is_cut():
    found = tokens(*[chunk("word ")] * 100, max_tokens=10)
    assert len(text(found)) == 80
    assert found[-1].finish_reason == "length"


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "no text"),
        ([DONE], "no text"),
        ([chunk(" \n"), DONE], "no text"),
        ([chunk(thought="loading the model"), DONE], "only thoughts"),
        ([chunk("<think>hm</think>"), chunk(finish="stop")], "no text"),
    ],
)
def test_a_reply_without_text_is_a_failure(chunks, words):
    with pytest.raises(Failure, match=words) as caught:
        tokens(*chunks)
    assert caught.value.code == "llm_empty"


def test_tokens_before_an_error_are_given_even_from_the_same_chunk():
    stream = TokenStream((), 500, 16_000)
    found = stream.feed(chunk("Hello") + b'data: {"error": "it broke"}\n\n')
    assert next(found) == Token(0, "Hello")
    with pytest.raises(Failure, match="it broke"):
        next(found)


def test_a_whole_answer_instead_of_a_stream():
    stream = TokenStream((), 500, 16_000)
    answer = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}
    assert list(stream.answer(json.dumps(answer))) == [
        Token(0, "Hello."),
        Token(1, "", final=True, finish_reason="stop"),
    ]
    assert stream.finished


@given(
    st.lists(st.text("abU:\n \u200b", max_size=6), max_size=12), st.lists(st.integers(0, 2000), max_size=10)
)
def test_bytes_may_be_cut_anywhere(pieces, cuts):
    stream = b"".join(chunk(piece) for piece in ["x", *pieces]) + chunk(finish="stop") + DONE
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    cut_up = [stream[a:b] for a, b in pairwise(edges) if a < b]
    assert tokens(*cut_up, stop=("User:", "\n\n")) == tokens(stream, stop=("User:", "\n\n"))


@given(st.lists(st.text("abU:\n", max_size=6), max_size=12))
def test_indices_count_up_and_final_comes_once_and_last(pieces):
    found = tokens(*(chunk(piece) for piece in ["x", *pieces]), stop=("User:",))
    assert [token.index for token in found] == list(range(len(found)))
    assert [token.final for token in found] == [False] * (len(found) - 1) + [True]
    assert all(token.text for token in found[:-1])
