import json

import pytest

from bus.errors import CODES
from bus.messages import NodeState
from procs.llm_streamer.core import failures
from procs.llm_streamer.core.failures import (
    PAUSES_S,
    STATUSES,
    UNTIL_DEADLINE,
    Failure,
    Patience,
    discreet,
    from_error,
    from_status,
    state_of,
    while_waiting,
)

pytestmark = pytest.mark.unit


def body(**error: object) -> str:
    return json.dumps({"error": error})


LLAMA_CPP = {
    (400, body(message="request exceeds the size", type="exceed_context_size_error")): "llm_prompt_too_long",
    (401, body(code=401, message="Invalid API Key", type="authentication_error")): "llm_refused",
    (503, body(code=503, message="Loading model", type="unavailable_error")): "llm_loading",
}
VLLM = {
    (400, body(message="This model's maximum context length is 4096 tokens.")): "llm_prompt_too_long",
    (404, '{"object": "error", "message": "The model `x` does not exist."}'): "llm_model_unknown",
}
OPENAI = {
    (400, body(message="Too long.", code="context_length_exceeded")): "llm_prompt_too_long",
    (400, body(message="No access.", code="model_not_found")): "llm_model_unknown",
}
OLLAMA = {
    (404, body(message='model "x" not found, try pulling it first')): "llm_model_unknown",
    (400, body(message="stop is not supported by this model")): "llm_refused",
}
LLAMA_SWAP = {
    (400, "could not find suitable inference handler for model x"): "llm_model_unknown",
    (404, '{"src": "llama-swap", "error": {"message": "no", "code": "x"}}'): "llm_model_unknown",
    (429, "Too many requests"): "llm_busy",
    (500, '{"error": "unable to start process"}'): "llm_failed",
    (502, "unable to start process"): "llm_loading",
}
OTHERS = {
    (403, "<html>Forbidden</html>"): "llm_refused",
    (413, ""): "llm_prompt_too_long",
    (418, ""): "llm_refused",
    (599, ""): "llm_failed",
    (400, "[" * 100_000): "llm_refused",
}
ANSWERS = LLAMA_CPP | VLLM | OPENAI | OLLAMA | LLAMA_SWAP | OTHERS


@pytest.mark.parametrize(("answer", "code"), ANSWERS.items())
def test_what_servers_answer(answer, code):
    assert from_status(*answer).code == code


def test_every_code_is_one_that_users_know():
    assert {kind.code for kind in STATUSES.values()} <= CODES.keys()


def test_an_error_in_a_stream_counts_by_its_status_if_it_has_one():
    assert from_error({"code": 503, "message": "Loading model"}).code == "llm_loading"
    assert from_error({"code": "server_error"}).code == "llm_failed"
    assert from_error("it broke").detail == "error in the stream: it broke"


def test_details_are_one_short_line():
    detail = from_status(400, "a\n b" * 1000).detail
    assert "\n" not in detail
    assert len(detail) <= failures.EXCERPT_CHARS + 20


def pauses(failure: Failure, left_s: float = 60.0) -> list[float | None]:
    """Pauses until it is given up, at most ten."""
    patience = Patience()
    found = [patience.pause_s(failure, left_s) for _ in range(10)]
    return found[: found.index(None) + 1] if None in found else found


def test_a_loading_server_is_asked_until_the_deadline():
    assert pauses(from_status(503, "")) == [*PAUSES_S, *[PAUSES_S[-1]] * 5]
    assert pauses(from_status(503, ""), left_s=0.2) == [0.0, 0.1, None]
    assert from_status(503, "").retries == UNTIL_DEADLINE


def test_a_refusal_is_final():
    assert pauses(from_status(401, "")) == [None]


def test_an_empty_400_is_tried_once_more():
    assert pauses(from_status(400, " ")) == [0.0, None]


def test_retry_after_is_honoured_up_to_its_limit():
    assert pauses(from_status(429, "", "2")) == [2.0, 2.0, None]
    assert pauses(from_status(429, "", "3600")) == [None]
    assert pauses(from_status(429, "", "2"), left_s=1.0) == [None]
    assert pauses(from_status(429, "", "Fri, 20 Nov 2026 17:00:00 GMT")) == [1.0, 1.0, None]
    assert pauses(from_status(429, "", "-1")) == [1.0, 1.0, None]


def test_kinds_of_failures_are_counted_apart():
    patience = Patience()
    assert patience.pause_s(from_status(400, ""), 60.0) == 0.0
    assert patience.pause_s(from_status(503, ""), 60.0) == 0.0
    assert patience.pause_s(from_status(400, ""), 60.0) is None


def test_what_health_says_meanwhile():
    assert while_waiting(from_status(500, "")) == "llm_loading"
    assert while_waiting(from_status(429, "")) == "llm_busy"
    assert state_of("llm_loading") is NodeState.LOADING
    assert state_of("llm_unreachable") is NodeState.DEGRADED


def test_a_detail_never_repeats_the_prompt_or_the_key():
    prompt = "Tell me about the secret garden, please."
    echo = from_status(400, f"bad value: [{{'content': '{prompt}'}}]").detail
    assert "garden" not in discreet(echo, ["", prompt])
    assert discreet("HTTP 400: stop is unknown", ["", prompt, "hi"]) == "HTTP 400: stop is unknown"
    assert "sk-123456" not in discreet("HTTP 401: wrong key sk-123456", ["sk-123456"])
