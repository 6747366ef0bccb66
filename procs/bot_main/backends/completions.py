"""Written answers of an OpenAI-compatible server: one request, one whole answer.

A server that loads a model, is busy or restarts is waited for within the time of the answer.
Source: the chat completions API of OpenAI, and the documents of its servers.
"""

import asyncio
import json
from collections.abc import Sequence

import aiohttp

from bus.errors import BackendError, BadSettings
from bus.messages import ChatMessage
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.backends.http_body import bounded
from procs.bot_main.core.completion import (
    TRIED_AGAIN,
    api,
    first_model,
    is_loopback,
    refusal,
    request,
    text_of,
)

BODY_LIMIT_BYTES = 1024 * 1024
"""Longest answer that is read."""
CONNECT_S = 3.0
UNREACHABLE_TRIES = 4
"""With the pauses between them this bridges the restart of a server on this machine."""
PAUSE_S = 1.0


class Completions:
    """Implements `TextModel`.

    Args:
        base_url: the server, with or without `/v1`.
        model: empty = the first one that it lists.
        api_key: sent as bearer token, if not empty.
        timeout_s: for a whole answer, the loading of its model included.

    Raises:
        BadSettings: the address or the key can't be used.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        api_key: str = "",
        timeout_s: float = 120.0,
        temperature: float = 0.8,
    ) -> None:
        try:
            self._api = api(base_url)
        except ValueError as error:
            raise BadSettings(
                f"a model server's address can't be used ({error}): write it like http://127.0.0.1:11434"
            ) from None
        if not api_key.strip().isprintable():
            raise BadSettings("the model server's key holds a character that no key has: copy it again")
        self._model = model
        self._found_model = ""
        self._api_key = api_key.strip()
        self._timeout_s = timeout_s
        self._temperature = temperature
        self._http: aiohttp.ClientSession | None = None

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 400,
        model: str = "",
        pictures: Sequence[Picture] = (),
    ) -> str:
        """See `TextModel.complete`."""
        shown = [(picture.media_type, picture.data) for picture in pictures]
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._persist(messages, shown, max_tokens, model)
        except TimeoutError:
            raise BackendError("llm_timeout", f"no answer within {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def _persist(
        self, messages: Sequence[ChatMessage], shown: list[tuple[str, bytes]], max_tokens: int, model: str
    ) -> str:
        """Ask until there is an answer, or a reason that does not pass by itself."""
        n_unreachable = 0
        while True:
            try:
                name = model or self._model or await self._first_model()
                body = request(messages, shown, name, max_tokens, self._temperature)
                return await self._ask(body)
            except BackendError as error:
                n_unreachable += error.code == "llm_unreachable"
                if error.code not in TRIED_AGAIN or n_unreachable >= UNREACHABLE_TRIES:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def _ask(self, body: dict[str, object]) -> str:
        status, answer = await self._exchange("POST", "/chat/completions", json.dumps(body).encode())
        if status != 200:
            self._found_model = ""
            raise BackendError(refusal(status, answer), f"HTTP {status}")
        text, code = text_of(answer)
        if code:
            raise BackendError(code, "HTTP 200 without a usable text")
        return text

    async def _first_model(self) -> str:
        """The model of a server that was not named one; servers with one model need no name."""
        if not self._found_model:
            status, listing = await self._exchange("GET", "/models")
            self._found_model = first_model(listing) if status == 200 else ""
        return self._found_model or "default"

    async def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and body, as far as it is bearable."""
        try:
            async with self._session().request(
                method, self._api + path, data=body, allow_redirects=False
            ) as response:
                answer = await bounded(response, BODY_LIMIT_BYTES)
                if answer is None:
                    raise BackendError("llm_failed", f"an answer of more than {BODY_LIMIT_BYTES} bytes")
                return response.status, answer.decode("utf-8", "replace")
        except aiohttp.ClientPayloadError:
            raise BackendError("llm_failed", "the answer was cut") from None
        except (aiohttp.ClientError, OSError) as error:
            raise BackendError("llm_unreachable", type(error).__name__) from None

    def _session(self) -> aiohttp.ClientSession:
        """The connections; made at first use, because that needs a running loop."""
        if self._http is None:
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            self._http = aiohttp.ClientSession(
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                trust_env=not is_loopback(self._api),
            )
        return self._http
