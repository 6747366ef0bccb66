"""A client of a chat server, what it asks, and what it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bus.errors import BackendError
from bus.messages import ChatMessage, Prompt, Token
from procs.llm_streamer.backends.base import Waiting
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat, Sampling
from tests.doubles.llm import MODEL, LlmDouble

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
