"""Language model servers on this machine: who answers at the usual addresses, and with which models.

So that somebody who runs one already needs a single setting, and is told which.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from bus.foreign_json import read_json

USUAL_PORTS: dict[int, str] = {
    11434: "Ollama",
    8080: "llama-swap or llama.cpp",
    8090: "llama-swap",
    8091: "llama-swap",
    8000: "vLLM",
}
"""Port → who usually listens there."""

_OWNERS = {"library": "Ollama", "llama-swap": "llama-swap", "llamacpp": "llama.cpp", "vllm": "vLLM"}
"""`owned_by` in a list of models → whose list it is."""

PATIENCE_S = 1.0
"""A server on this machine answers a list within milliseconds."""

LIST_LIMIT_BYTES = 4 * 1024 * 1024


class ServerRefused(ValueError):
    """The server answers, but not with a list.

    Args:
        status: HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Server:
    """A server that lists models."""

    kind: str
    base_url: str
    models: tuple[str, ...]


async def find_servers() -> list[Server]:
    """Every server found, in the order of the usual ports."""
    asked = [_ask(f"http://127.0.0.1:{port}", kind) for port, kind in USUAL_PORTS.items()]
    return [server for server in await asyncio.gather(*asked) if server is not None]


async def _ask(address: str, usual_kind: str) -> Server | None:
    try:
        models = await list_models(f"{address}/v1/models")
    except (OSError, ValueError, TimeoutError, aiohttp.ClientError):
        return None
    owners = [str(model.get("owned_by", "")) for model in models]
    kind = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), usual_kind)
    return Server(kind, address, tuple(str(model["id"]) for model in models))


async def list_models(url: str, api_key: str = "", *, by_proxy: bool = False) -> list[dict[str, Any]]:
    """Models of an OpenAI-compatible server.

    Args:
        by_proxy: whether the environment's proxies are asked; never for this machine.

    Raises:
        OSError, aiohttp.ClientError, TimeoutError: nobody answers.
        ServerRefused: it wants no list, or not for us.
        ValueError: somebody else answers.
    """
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=by_proxy, headers=headers) as http,
        http.get(url) as response,
    ):
        if response.status != HTTPStatus.OK:
            raise ServerRefused(response.status)
        body = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > LIST_LIMIT_BYTES:
                raise ValueError("endless list of models")
    return _models(bytes(body))


def _models(body: bytes) -> list[dict[str, Any]]:
    answer = read_json(body)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(m, dict) and "id" in m for m in data):
        raise ValueError("no list of models")
    return data
