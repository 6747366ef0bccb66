"""Looking at a server before anybody asks it something."""

import pytest

from bus.messages import NodeState
from tests.doubles.llm import MODEL, LlmDouble, refuse
from tests.procs.llm_streamer.backends.asking import ask_in_vain, client

pytestmark = pytest.mark.flow


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
