"""llama-swap's own routes: which models are in memory, and out with them.

Two generations are in use. The older one (to early 2026) lists only models that are ready at `/running` and
unloads all by `GET /unload`; both know `POST /api/models/unload[/{model}]`, and the newer one lists every
model that is not stopped, with its state. Source: llama-swap's `proxymanager` and its configuration page.
"""

import asyncio
from typing import Any
from urllib.parse import quote

import aiohttp

from bus.errors import BackendError, BadSettings
from bus.foreign_json import read_json
from procs.bot_main.backends.base_gpu import LoadedModel
from procs.bot_main.backends.http_body import bounded
from procs.bot_main.core.addresses import http_address

REQUEST_S = 4.0
LIMIT_BYTES = 1024 * 1024
MODELS_MAX = 256


class LlamaSwap:
    """Implements `ModelServer`.

    Args:
        base_url: its address, with or without `/v1`.
        api_key: sent as bearer token, if not empty.

    Raises:
        BadSettings: the address or the key can't be used.
    """

    def __init__(self, base_url: str, api_key: str = "") -> None:
        parts = http_address(base_url)
        if parts is None:
            raise BadSettings("gpu.free_urls can't be used: write them like http://127.0.0.1:8090")
        if not api_key.strip().isprintable():
            raise BadSettings("gpu.api_key holds a character that no key has: copy it again")
        self._url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._api_key = api_key.strip()
        self._http: aiohttp.ClientSession | None = None

    async def running(self) -> list[LoadedModel]:
        """See `ModelServer.running`."""
        status, body = await self._ask("GET", "/running")
        models = _models(body) if status == 200 else None
        if models is None:
            raise BackendError("gpu_not_freed", f"/running answers {status}: no llama-swap, or a wrong key")
        return [model for model in models if model.state != "stopped"]

    async def unload(self, model: str = "") -> None:
        """See `ModelServer.unload`."""
        path = f"/api/models/unload/{quote(model, safe='')}" if model else "/api/models/unload"
        status, _ = await self._ask("POST", path)
        if status in (404, 405) and not model:
            status, _ = await self._ask("GET", "/unload")
        elif status == 404:
            return  # it has no such model
        if status != 200:
            raise BackendError("gpu_not_freed", f"unloading answers {status}")

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()

    async def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Status and body of an answer, as far as it is bearable."""
        try:
            async with (
                asyncio.timeout(REQUEST_S),
                self._session().request(method, f"{self._url}{path}", allow_redirects=False) as response,
            ):
                body = await bounded(response, LIMIT_BYTES)
                if body is None:
                    raise BackendError("gpu_not_freed", f"{path}: more than {LIMIT_BYTES} bytes")
                return response.status, body
        except TimeoutError:
            raise BackendError("gpu_not_freed", f"{path}: no answer in {REQUEST_S:g} s") from None
        except aiohttp.ClientConnectorError:
            raise BackendError("gpu_unreachable", path) from None
        except (aiohttp.ClientError, OSError) as error:
            raise BackendError("gpu_not_freed", f"{path}: {type(error).__name__}") from None

    def _session(self) -> aiohttp.ClientSession:
        """The connections; made at first use, because that needs a running loop."""
        if self._http is None:
            headers = {"Accept": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            self._http = aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar())
        return self._http


def _models(body: bytes) -> list[LoadedModel] | None:
    """The models of `{"running": [{"model", "state", ...}]}`, None for anything else."""
    try:
        table: Any = read_json(body)
    except ValueError:
        return None
    entries = table.get("running") if isinstance(table, dict) else None
    if not isinstance(entries, list):
        return None
    told = [entry for entry in entries[:MODELS_MAX] if isinstance(entry, dict)]
    return [LoadedModel(str(one.get("model", ""))[:100], str(one.get("state", ""))[:20]) for one in told]
