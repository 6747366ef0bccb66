"""OpenAI-compatible chat servers over HTTP: llama-swap, llama.cpp, Ollama, vLLM and their kin.

The request is plain JSON and the stream is read as it comes; no client library stands between. Whatever
these servers do instead of answering ends here as a `BackendError`. Never restarts a reply of which a token
has been given; never lets text of a prompt into a detail.
Source: the chat completions API of OpenAI, and the servers' own documents and code.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import aiohttp

from bus.errors import BackendError, BadSettings
from bus.messages import NodeState, Prompt, Token
from procs.llm_streamer.backends.base import ServerStatus, Waiting
from procs.llm_streamer.core.endpoint import endpoint
from procs.llm_streamer.core.failures import (
    Failure,
    Patience,
    discreet,
    from_status,
    state_of,
    while_waiting,
)
from procs.llm_streamer.core.models import first_chat_model, names
from procs.llm_streamer.core.tokens import TokenStream

BODY_LIMIT_BYTES = 4 * 1024 * 1024
"""Longest answer that is no stream: the model list of a large provider has half a megabyte."""

PROBE_TIMEOUT_S = 5.0
"""A server that does not list its models in this time is as good as absent."""

UNREACHABLE_RETRIES = 5
"""With the pauses between them this bridges the restart of a server on this machine."""

DRAIN_S = 0.1
"""After the last token the server gets this long to end its answer; then the connection can be used again."""

IDLE_CONNECTION_S = 30.0
"""Connections are kept this long for the next prompt; servers close theirs after 5 s or never."""

SERVER_STOPS = 4
"""The API's limit of stop strings in a request; all of them are kept on our side anyway."""


@dataclass(frozen=True)
class Limits:
    """How long, and how much, is waited for and taken."""

    connect_timeout_s: float
    first_token_timeout_s: float
    stall_timeout_s: float
    reply_timeout_s: float
    max_reply_chars: int


@dataclass(frozen=True)
class Sampling:
    """How the model is asked to answer."""

    max_tokens: int
    temperature: float
    stop: tuple[str, ...]


class OpenAiChat:
    """One server.

    Args:
        base_url: its address, with or without `/v1`.
        model: model to ask for; empty = the first chat model it lists.
        api_key: sent as bearer token, if not empty.
        sampling: asked of the server; length and stop strings are kept on our side too.

    Raises:
        BadSettings: the address or the key can't be used.
    """

    def __init__(self, base_url: str, model: str, api_key: str, sampling: Sampling, limits: Limits) -> None:
        try:
            self._endpoint = endpoint(base_url)
        except ValueError as error:
            raise BadSettings(
                f"llm.base_url can't be used ({error}): write it like http://127.0.0.1:11434"
            ) from None
        if not api_key.strip().isprintable():
            raise BadSettings("llm.api_key holds a character that no key has: copy it again")
        self.address = self._endpoint.address
        self._chosen_model = model
        self._model = model
        self._refused_model = ""
        """Model that the server said it does not know; it stays wrong until it is in the server's list."""
        self._api_key = api_key.strip()
        self._sampling = sampling
        self._limits = limits
        self._http: aiohttp.ClientSession | None = None

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Token | Waiting, None]:
        """See `LlmBackend.reply`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.first_token_timeout_s
        secrets = (self._api_key, *(message.content for message in prompt.messages))
        patience = Patience()
        n_given = 0
        while True:
            try:
                async with aclosing(self._attempt(prompt, deadline)) as tokens:
                    async for token in tokens:
                        n_given += 1
                        yield token
                return
            except Failure as failure:
                detail = discreet(failure.detail, secrets)
                pause_s = patience.pause_s(failure, deadline - loop.time())
                if n_given or pause_s is None:
                    raise BackendError(failure.code, detail) from None
                if pause_s:
                    yield Waiting(while_waiting(failure), detail)
            await asyncio.sleep(pause_s)

    async def probe(self) -> ServerStatus:
        """See `LlmBackend.probe`."""
        deadline = asyncio.get_running_loop().time() + PROBE_TIMEOUT_S
        try:
            await self._look(deadline)
        except Failure as failure:
            code = "llm_unreachable" if failure.code == "llm_timeout" else failure.code
            detail = discreet(failure.detail, [self._api_key])
            return ServerStatus(state_of(code), code, detail, self._model)
        return ServerStatus(NodeState.READY, detail=f"{self._model} at {self.address}", model=self._model)

    async def close(self) -> None:
        """See `LlmBackend.close`."""
        if self._http is not None:
            await self._http.close()

    # --- one attempt --------------------------------------------------------------------------------

    async def _attempt(self, prompt: Prompt, deadline: float) -> AsyncGenerator[Token, None]:
        """Ask once.

        Raises:
            Failure: no reply, or none to its end.
        """
        response = await self._ask(prompt, deadline)
        try:
            async with aclosing(self._tokens(response, prompt, deadline)) as tokens:
                async for token in tokens:
                    yield token
        finally:
            # Unless the answer was read to its end this cuts the connection, and the server's slot is free.
            response.close()

    async def _ask(self, prompt: Prompt, deadline: float) -> aiohttp.ClientResponse:
        """Send the prompt; gives the response once its head says that a reply follows."""
        model = self._model = self._model or self._first_of(await self._models(deadline))
        body = json.dumps(_request(prompt, self._sampling, model)).encode()
        response = await self._open("POST", self._endpoint.chat, deadline, body)
        if response.status == 200:
            return response
        failure = await _refusal(response, deadline)
        if failure.code == "llm_model_unknown":
            self._model, self._refused_model = self._chosen_model, model
            failure.detail = f"{model} at {self.address}: {failure.detail}"
        raise failure

    async def _tokens(
        self, response: aiohttp.ClientResponse, prompt: Prompt, deadline: float
    ) -> AsyncGenerator[Token, None]:
        """The tokens of a response that began well."""
        loop, limits = asyncio.get_running_loop(), self._limits
        stream = TokenStream(self._sampling.stop, self._sampling.max_tokens, limits.max_reply_chars)
        if response.content_type == "application/json":
            for token in stream.answer(await _text(response, deadline)):
                yield token
            return
        end = loop.time() + limits.reply_timeout_s
        while not stream.finished:
            n_before = stream.n_tokens
            chunk = await _read(response, deadline)
            if chunk is None and (not n_before or loop.time() < end):
                raise Failure("llm_timeout", f"no word in time, after {n_before} tokens")
            for token in stream.end("length") if chunk is None else stream.feed(chunk):
                yield token
            if stream.n_tokens > n_before:
                deadline = min(loop.time() + limits.stall_timeout_s, end)
        if not stream.is_cut:
            await _drain(response)

    # --- looking at the server ----------------------------------------------------------------------

    async def _look(self, deadline: float) -> None:
        """Find out whether it answers, which model it has, and whether that is loaded.

        Raises:
            Failure: what is wrong.
        """
        models = await self._models(deadline)
        if self._chosen_model:
            if self._chosen_model == self._refused_model and self._chosen_model not in models:
                raise Failure("llm_model_unknown", f"{self.address} does not know {self._chosen_model}")
        else:
            self._model = self._first_of(models)
        response = await self._open("GET", self._endpoint.health, deadline)
        if response.status == 503:
            raise await _refusal(response, deadline)
        response.close()

    async def _models(self, deadline: float) -> list[str]:
        """Names of the models the server lists; some servers have no list."""
        response = await self._open("GET", self._endpoint.models, deadline)
        if response.status == 404:
            response.close()
            return []
        if response.status != 200:
            raise await _refusal(response, deadline)
        return names(await _text(response, deadline))

    def _first_of(self, models: list[str]) -> str:
        if model := first_chat_model(models):
            return model
        raise Failure("llm_model_unknown", f"{self.address} lists no chat model")

    # --- HTTP ---------------------------------------------------------------------------------------

    async def _open(
        self, method: str, url: str, deadline: float, body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        """Send a request; gives the response when its head is there."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._session().request(method, url, data=body)
        except aiohttp.ConnectionTimeoutError:
            raise self._unreachable("no connection in time") from None
        except TimeoutError:
            raise Failure("llm_timeout", f"{self.address} took the request and said nothing") from None
        except aiohttp.ClientError as error:
            raise self._unreachable(_reason(error)) from None

    def _unreachable(self, reason: str) -> Failure:
        return Failure("llm_unreachable", f"{self.address}: {reason}", UNREACHABLE_RETRIES)

    def _session(self) -> aiohttp.ClientSession:
        """The connections; made at first use, because that needs a running loop."""
        if self._http is None:
            headers = {
                "Content-Type": "application/json",
                # llama-swap words its errors as JSON only for those who ask; compression would delay tokens.
                "Accept": "text/event-stream, application/json",
                "Accept-Encoding": "identity",
            }
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            self._http = aiohttp.ClientSession(
                # No limit of its own: there are as many connections as turns, which others bound.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_timeout_s),
                headers=headers,
                trust_env=not self._endpoint.is_loopback,
            )
        return self._http


def _request(prompt: Prompt, sampling: Sampling, model: str) -> dict[str, object]:
    """The body of a request.

    Stop strings of white space alone stay on our side: a server takes them literally and would end the
    reply before its first word, or inside its thoughts.
    """
    request: dict[str, object] = {
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in prompt.messages],
        "stream": True,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
    }
    if stops := [stop for stop in sampling.stop if stop.strip()][:SERVER_STOPS]:
        request["stop"] = stops
    return request


async def _refusal(response: aiohttp.ClientResponse, deadline: float) -> Failure:
    """What an answer other than 200 means."""
    soon = asyncio.get_running_loop().time() + PROBE_TIMEOUT_S
    text = await _text(response, min(deadline, soon))
    return from_status(response.status, text, response.headers.get("Retry-After", ""))


async def _text(response: aiohttp.ClientResponse, deadline: float) -> str:
    """The body, as far as it is bearable."""
    body = bytearray()
    try:
        while len(body) < BODY_LIMIT_BYTES and (chunk := await _read(response, deadline)):
            body += chunk
    finally:
        response.close()
    return body.decode("utf-8", "replace")


async def _read(response: aiohttp.ClientResponse, deadline: float) -> bytes | None:
    """What has come, as soon as anything has; empty at the end, None when the time is over.

    Raises:
        Failure: the connection was cut.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await response.content.readany()
    except TimeoutError:
        return None
    except aiohttp.ClientError as error:
        raise Failure("llm_failed", f"the answer was cut: {_reason(error)}", retries=1) from None


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read what follows the last token (usage, end mark), so that the connection can be used again."""
    deadline = asyncio.get_running_loop().time() + DRAIN_S
    try:
        while await _read(response, deadline):
            pass
    except Failure:
        return  # the reply is complete; only the connection is lost


def _reason(error: aiohttp.ClientError) -> str:
    """A short reason without addresses of ours or text of theirs."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(error).__name__
