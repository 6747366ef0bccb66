import json

import pytest
from aiohttp import web

from cli import discovery
from cli.discovery import ServerRefused, find_servers, list_models
from tests.doubles.llm import LlmDouble

pytestmark = pytest.mark.flow


async def serve(answer: object, status: int = 200) -> tuple[web.AppRunner, int]:
    """A server whose list of models is `answer`."""

    async def models(_: web.Request) -> web.Response:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


@pytest.mark.parametrize(
    ("owner", "kind"),
    [("library", "Ollama"), ("llama-swap", "llama-swap"), ("llamacpp", "llama.cpp"), ("me", "usual")],
)
async def test_a_server_is_named_by_what_its_list_says(
    monkeypatch: pytest.MonkeyPatch, owner: str, kind: str
) -> None:
    runner, port = await serve({"data": [{"id": "m", "owned_by": owner}]})
    monkeypatch.setattr(discovery, "USUAL_PORTS", {port: "usual", 9: "nobody"})
    [server] = await find_servers()
    await runner.cleanup()
    assert (server.kind, server.base_url, server.models) == (kind, f"http://127.0.0.1:{port}", ("m",))


@pytest.mark.parametrize(
    "answer", ["<html>", [], {"data": None}, {"data": [1]}, {"data": [{}]}, "[" * 5_000, {"data": "x"}, ""]
)
async def test_what_is_no_list_of_models_is_nobody(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    runner, port = await serve(answer)
    monkeypatch.setattr(discovery, "USUAL_PORTS", {port: "usual"})
    assert await find_servers() == []
    await runner.cleanup()


async def test_a_refusal_tells_its_status() -> None:
    async with LlmDouble(api_key="secret") as double:
        with pytest.raises(ServerRefused, match="401"):
            await list_models(f"{double.url}/v1/models", "wrong")
        assert await list_models(f"{double.url}/v1/models", "secret")


async def test_an_endless_list_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "LIST_LIMIT_BYTES", 1_000)
    runner, port = await serve("x" * 100_000)
    with pytest.raises(ValueError, match="endless"):
        await list_models(f"http://127.0.0.1:{port}/v1/models")
    await runner.cleanup()
