"""The real llama.cpp in its child process."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bus.errors import BackendError
from bus.messages import ChatMessage, NodeState, Prompt, Token
from procs.llm_server.backends.base import Model
from procs.llm_server.backends.llama_server import LlamaServer, Resources
from procs.llm_server.backends.model_files import ModelFiles
from procs.llm_server.core import demo_brain
from procs.llm_server.core.demo_brain import NAME, SCRIPTS
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat, Sampling
from tests.ports import free_base_port
from tests.waiting import until

pytestmark = pytest.mark.e2e

KEY = "sesame"
SMALL = Resources(context_tokens=512, slots=2, threads=1, gpu_layers=0)
SAMPLING = Sampling(500, 0.8, ("\n\n", "User:"))
LIMITS = Limits(2.0, 10.0, 5.0, 30.0, 16_000)
PROMPT = Prompt((ChatMessage("system", "You are Miku."), ChatMessage("user", "Hello!")))


@asynccontextmanager
async def serving(model: Model) -> AsyncIterator[LlamaServer]:
    server = LlamaServer(free_base_port(), KEY, SMALL)
    await server.start(model)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def client(server: LlamaServer, key: str = KEY) -> AsyncIterator[OpenAiChat]:
    chat_client = OpenAiChat(server.address, "", key, SAMPLING, LIMITS)
    try:
        yield chat_client
    finally:
        await chat_client.close()


@pytest.fixture
async def demo(tmp_path: Path) -> Model:
    return await ModelFiles(None, tmp_path).find()


async def reply(chat_client: OpenAiChat, prompt: Prompt = PROMPT) -> list[Token]:
    return [item async for item in chat_client.reply(prompt) if isinstance(item, Token)]


def port_of(server: LlamaServer) -> int:
    return int(server.address.rpartition(":")[2])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_the_demo_brain_recites_its_scripts_word_by_word(demo):
    async with serving(demo) as server, client(server) as chat_client:
        status = await chat_client.probe()
        replies = [await reply(chat_client) for _ in range(20)]
    assert (status.state, status.model) == (NodeState.READY, NAME)
    texts = {"".join(token.text for token in tokens) for tokens in replies}
    assert texts <= set(SCRIPTS)
    assert len(texts) > 1, "the seed picks the script"
    assert all(tokens[-1].finish_reason == "stop" for tokens in replies)
    assert all(len(tokens) > 10 for tokens in replies)


async def test_several_are_answered_at_once(demo):
    async with serving(demo) as server, client(server) as chat_client:
        replies = await asyncio.gather(*(reply(chat_client) for _ in range(8)))
    assert {"".join(token.text for token in tokens) for tokens in replies} <= set(SCRIPTS)


async def test_the_longest_prompt_fits_the_demo_brain(demo):
    prompt = replace(PROMPT, messages=(ChatMessage("user", "word " * 12_000),))
    async with serving(demo) as server, client(server) as chat_client:
        assert "".join(token.text for token in await reply(chat_client, prompt)) in SCRIPTS


async def test_nobody_is_answered_without_the_key(demo):
    async with serving(demo) as server, client(server, key="") as chat_client:
        assert (await chat_client.probe()).code in ("llm_refused", "llm_model_unknown")
        with pytest.raises(BackendError) as caught:
            await reply(chat_client)
    assert caught.value.code in ("llm_refused", "llm_model_unknown")


async def test_a_model_of_the_operators_has_the_context_that_was_set(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_brain, "TEMPLATE", "{{ messages[0]['content'] }}<|assistant|>")
    path = tmp_path / "own.gguf"
    path.write_bytes(demo_brain.build())
    own = await ModelFiles(path, tmp_path).find()
    prompt = replace(PROMPT, messages=(ChatMessage("user", "Ω" * 1000),))
    async with serving(own) as server, client(server) as chat_client:
        assert (await chat_client.probe()).model == "own"
        assert await reply(chat_client)
        with pytest.raises(BackendError) as caught:
            await reply(chat_client, prompt)
    assert caught.value.code == "llm_prompt_too_long"


async def test_a_damaged_file_is_said_with_its_reason(demo):
    demo.path.write_bytes(demo.path.read_bytes()[:100_000])
    server = LlamaServer(free_base_port(), KEY, SMALL)
    with pytest.raises(BackendError, match="corrupted or incomplete") as caught:
        await server.start(demo)
    assert str(demo.path) in caught.value.detail
    assert not is_open(port_of(server))


async def test_a_port_that_is_taken_is_said(demo):
    async with serving(demo) as server:
        second = LlamaServer(port_of(server), KEY, SMALL)
        with pytest.raises(BackendError, match=f"port {port_of(server)} is taken"):
            await second.start(demo)
        async with client(server) as chat_client:
            assert await reply(chat_client), "the first one is not disturbed"


async def test_stopping_frees_the_port_and_it_can_be_started_again(demo):
    async with serving(demo) as server:
        await server.stop()
        assert not is_open(port_of(server))
        await server.start(demo)
        assert is_open(port_of(server))


async def test_a_server_that_ends_by_itself_is_noticed(demo):
    async with serving(demo) as server:
        ended = asyncio.create_task(server.ended())
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert "-9" in await asyncio.wait_for(ended, 5.0)


STARTER = """
import asyncio, sys
from pathlib import Path
from procs.llm_server.backends.base import Model
from procs.llm_server.backends.llama_server import LlamaServer, Resources

async def main():
    server = LlamaServer(int(sys.argv[1]), "sesame", Resources(512, 2, 1, 0))
    await server.start(Model(Path(sys.argv[2]), "demo", True))
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_parent_leaves_no_orphan(demo):
    port = free_base_port()
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, str(port), str(demo.path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"up\n"
    assert is_open(port)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_open(port))
