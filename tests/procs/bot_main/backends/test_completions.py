import base64
import json

import pytest

from bus.errors import BackendError, BadSettings
from bus.messages import ChatMessage
from procs.bot_main.backends import completions
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.backends.completions import BODY_LIMIT_BYTES, Completions
from procs.bot_main.core.completion import ANSWER_CHARS
from tests.doubles.llm import End, LlmDouble, Script, answer, refuse

pytestmark = pytest.mark.flow

HELLO = (ChatMessage("system", "You are Miku."), ChatMessage("user", "Anna: hello"))
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(completions, "PAUSE_S", 0.01)


async def ask(llm: LlmDouble, timeout_s: float = 5.0, **how) -> str:
    model = Completions(llm.url, timeout_s=timeout_s, api_key=how.pop("api_key", ""))
    try:
        return await model.complete(HELLO, **how)
    finally:
        await model.close()


async def test_a_whole_answer_of_the_first_model_that_it_lists():
    async with LlmDouble(answer("Hi Anna!"), models=("text-embedding", "miku-8b")) as llm:
        assert await ask(llm, max_tokens=33) == "Hi Anna!"
        assert await ask(llm, model="dark") == "Hi Anna!"
    first, second = llm.requests
    assert (first["model"], first["max_tokens"], first["stream"]) == ("miku-8b", 33, False)
    assert first["messages"][1] == {"role": "user", "content": "Anna: hello"}
    assert second["model"] == "dark"


async def test_pictures_travel_as_data_with_the_last_message():
    async with LlmDouble(answer("A cat.")) as llm:
        await ask(llm, pictures=[Picture("image/png", b"\x89PNG")])
    text, picture = llm.requests[0]["messages"][-1]["content"]
    assert text == {"type": "text", "text": "Anna: hello"}
    url = picture["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")
    assert base64.b64decode(url.partition(",")[2]) == b"\x89PNG"


async def test_thoughts_are_no_part_of_the_answer():
    message = {"content": "<think>hmm</think> Hi!", "reasoning_content": "secret"}
    body = json.dumps({"choices": [{"message": message}]}).encode()
    async with LlmDouble(Script([body], headers=JSON)) as llm:
        assert await ask(llm) == "Hi!"


async def test_zero_width_spaces_are_no_part_of_the_answer():
    async with LlmDouble(answer("a\u200b\u200b tiny model")) as llm:
        assert await ask(llm) == "a tiny model"


async def test_an_answer_without_end_is_cut_off():
    async with LlmDouble(answer("la " * ANSWER_CHARS)) as llm:
        assert len(await ask(llm)) == ANSWER_CHARS


async def test_a_server_that_loads_is_waited_for():
    async with LlmDouble(answer("Hi!")) as llm:
        llm.play(refuse(503, {"message": "Loading model"}), refuse(429), refuse(502))
        assert await ask(llm) == "Hi!"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (refuse(401), "llm_refused"),
        (refuse(404), "llm_model_unknown"),
        (refuse(400, "model 'x' not found"), "llm_model_unknown"),
        (refuse(400, {"message": "exceeds the context size"}), "llm_prompt_too_long"),
        (refuse(500, "broken"), "llm_failed"),
        (refuse(302), "llm_failed"),
        (answer(""), "llm_empty"),
        (answer("<think>only thoughts"), "llm_empty"),
        (answer("\u200b"), "llm_empty"),
        (Script([b"no json"], headers=JSON), "llm_failed"),
        (Script([b"[" * 100_000], headers=JSON), "llm_failed"),
        (Script([b'{"error":"late"}'], headers=JSON), "llm_failed"),
        (Script([b"x" * (BODY_LIMIT_BYTES + 1)], headers=JSON), "llm_failed"),
        (Script([b'{"choi', End.CUT], headers=JSON), "llm_failed"),
    ],
)
async def test_what_is_no_answer_has_a_code(script, code):
    async with LlmDouble(script) as llm:
        with pytest.raises(BackendError) as failure:
            await ask(llm)
    assert failure.value.code == code
    assert "hello" not in str(failure.value)


async def test_a_server_that_says_nothing_or_is_not_there_costs_a_bounded_time():
    async with LlmDouble(Script([End.HANG], headers=JSON)) as llm:
        with pytest.raises(BackendError) as failure:
            await ask(llm, timeout_s=0.2)
        assert failure.value.code == "llm_timeout"
    with pytest.raises(BackendError) as failure:
        await ask(llm)
    assert failure.value.code == "llm_unreachable"


async def test_the_key_is_sent():
    async with LlmDouble(answer("Hi!"), api_key="k") as llm:
        assert await ask(llm, api_key="k") == "Hi!"


@pytest.mark.parametrize(
    ("url", "key"), [("ftp://x", ""), ("", ""), ("http://x?a=b", ""), ("http://x", "a\nb")]
)
def test_what_can_not_be_used_is_said_at_the_start(url, key):
    with pytest.raises(BadSettings):
        Completions(url, api_key=key)
