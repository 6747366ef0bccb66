"""An OpenAI-compatible chat server that does what a test tells it to, over real sockets.

    async with LlmDouble() as llm:
        llm.play(refuse(503), say("Hello", " there."))
        ...  # the first request is refused, the second one answered, all later ones get the default

Also a program, for benchmarks and whole stacks: `python -m tests.doubles.llm --port 8080 --token-ms 5`.
"""

import argparse
import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

from aiohttp import web

DONE = b"data: [DONE]\n\n"
MODEL = "stub-model"
SAID = "{said}"


class End(Enum):
    """How an answer ends where it does not end well."""

    CUT = "cut"
    """The connection is broken off."""
    HANG = "hang"
    """Nothing more comes, and the connection stays open."""


Step = bytes | float | End
"""Bytes are sent, a number is a pause in seconds (measured from when the last one ended)."""


@dataclass(frozen=True)
class Script:
    """One answer."""

    steps: Iterable[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    silent_s: float = 0.0
    """Pause before the head, as of a server that swaps models."""

    @property
    def is_stream(self) -> bool:
        """Whether it answers by events; everything else is sent as it stands."""
        return self.headers.get("Content-Type") == "text/event-stream"


def event(data: object) -> bytes:
    """A server-sent event with JSON in it."""
    return f"data: {json.dumps(data)}\n\n".encode()


def chat(text: str | None = None, *, thought: str | None = None, finish: str | None = None) -> bytes:
    """A chunk of a chat completion."""
    delta = {"content": text} if text is not None else {}
    delta |= {"reasoning_content": thought} if thought is not None else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "model": MODEL, "choices": [choice]})


def usage() -> bytes:
    """The chunk that many servers send last: no choices, only figures."""
    return event({"choices": [], "usage": {"completion_tokens": 7}, "timings": {"predicted_n": 7}})


def say(*pieces: str, first_ms: float = 0.0, token_ms: float = 0.0, finish: str = "stop") -> Script:
    """A reply as it should be: pieces with pauses, finish reason, usage, end mark."""
    return Script(_spoken(pieces, first_ms, token_ms, finish))


def _spoken(pieces: Iterable[str], first_ms: float, token_ms: float, finish: str) -> list[Step]:
    steps: list[Step] = [chat(""), first_ms / 1000]
    for piece in pieces:
        steps += [chat(piece), token_ms / 1000]
    return [*steps, chat(finish=finish), usage(), DONE]


def refuse(status: int, error: object = None, *, headers: Mapping[str, str] | None = None) -> Script:
    """No reply: a status, with `{"error": ...}`, or with a plain text, or with nothing."""
    body = (
        error.encode() if isinstance(error, str) else json.dumps({"error": error}).encode() if error else b""
    )
    return Script([body], status, {"Content-Type": "application/json", **(headers or {})})


def answer(text: str) -> Script:
    """A server that does not stream: the whole reply in one JSON document."""
    message = {"role": "assistant", "content": text}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    return Script([body], headers={"Content-Type": "application/json"})


def words(text: str) -> list[str]:
    """A text as a model streams it: each word with the space before it."""
    return re.findall(r"\s*\S+", text)


class LlmDouble:
    """The server. Tests read what it saw.

    Args:
        default: answer to requests for which nothing was played.
        port: 0 = any free one; see `url`.
        models: names it lists.
        text_file: what stands there when a request comes is the default answer instead, with the last
            message of the request in the place of `SAID`.
        api_key: if set, everything but `/health` is refused without it.
    """

    def __init__(
        self,
        default: Script | None = None,
        *,
        port: int = 0,
        models: tuple[str, ...] = (MODEL,),
        api_key: str = "",
        text_file: Path | None = None,
    ) -> None:
        self.text_file = text_file
        self.default = default or say(*words("Hello there. I am a stub."))
        self.models = models
        self.health_status = 200
        self.models_status = 200
        self.requests: list[dict[str, Any]] = []
        """Bodies of the chat requests, in order."""
        self.peers: list[tuple[str, int]] = []
        """Who sent them: equal peers mean that a connection was used again."""
        self.disconnects = 0
        """Answers that their clients did not wait for."""
        self.n_busy = 0
        """Answers under way: a real server's used slots."""
        self.n_looks = 0
        """Requests for the list of models."""
        self._port = port
        self._api_key = api_key
        self._scripts: deque[Script] = deque()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address, without `/v1`."""
        return f"http://127.0.0.1:{self._port}"

    def play(self, *scripts: Script) -> None:
        """Answer the next requests so."""
        self._scripts.extend(scripts)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a stopped double comes back on the same port."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._list)
        app.router.add_get("/health", self._health)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and break all connections."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self._is_stranger(request):
            return web.json_response({"error": {"message": "Invalid API Key"}}, status=401)
        self.requests.append(await request.json())
        assert request.transport is not None
        self.peers.append(request.transport.get_extra_info("peername"))
        self.n_busy += 1
        script = self._scripts.popleft() if self._scripts else self._usual
        wants_whole = not self.requests[-1].get("stream") and script.is_stream
        try:
            return await (self._perform_whole if wants_whole else self._perform)(request, script)
        except (asyncio.CancelledError, ConnectionResetError):
            self.disconnects += 1
            raise
        finally:
            self.n_busy -= 1

    @property
    def _usual(self) -> Script:
        """The answer when nothing else was played."""
        if not self.text_file:
            return self.default
        said = str(self.requests[-1]["messages"][-1]["content"])
        return say(self.text_file.read_text().replace(SAID, said))

    async def _perform(self, request: web.Request, script: Script) -> web.StreamResponse:
        """Play a script; pauses are counted from the beginning, so that they do not add up errors."""
        loop = asyncio.get_running_loop()
        due = loop.time() + script.silent_s
        await asyncio.sleep(script.silent_s)
        response = web.StreamResponse(status=script.status, headers=script.headers)
        await response.prepare(request)
        for step in script.steps:
            if isinstance(step, bytes):
                await response.write(step)
            elif isinstance(step, float):
                due += step
                await asyncio.sleep(due - loop.time())
            elif step is End.HANG:
                await asyncio.Event().wait()
            else:
                assert request.transport is not None
                request.transport.abort()
                return response
        await response.write_eof()
        return response

    async def _perform_whole(self, request: web.Request, script: Script) -> web.StreamResponse:
        """The same script for a client that did not ask for a stream: everything at once, at its end."""
        answer = _Gathered()
        await asyncio.sleep(script.silent_s)
        for step in script.steps:
            if isinstance(step, bytes):
                answer.add(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step is End.HANG:
                await asyncio.Event().wait()
            else:
                assert request.transport is not None
                request.transport.abort()
        return web.json_response(answer.body, status=script.status)

    async def _list(self, request: web.Request) -> web.Response:
        self.n_looks += 1
        if self._is_stranger(request):
            return web.json_response({"error": {"message": "Invalid API Key"}}, status=401)
        listing = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
        return web.json_response(listing, status=self.models_status)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, status=self.health_status)

    def _is_stranger(self, request: web.Request) -> bool:
        return bool(self._api_key) and request.headers.get("Authorization") != f"Bearer {self._api_key}"


class _Gathered:
    """Chunks of a stream as one answer."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, step: bytes) -> None:
        """An event of the stream."""
        if step != DONE:
            for choice in json.loads(step.removeprefix(b"data: "))["choices"]:
                self._text += choice["delta"].get("content") or ""

    @property
    def body(self) -> Any:
        """What is sent."""
        message = {"role": "assistant", "content": self._text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"object": "chat.completion", "model": MODEL, "choices": [choice]}


def endless(piece: str, token_ms: float) -> Iterator[Step]:
    """Steps of a server that never stops."""
    while True:
        yield chat(piece)
        yield token_ms / 1000


async def main() -> None:
    """Serve until killed; prints the address once it listens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-token-ms", type=float, default=0.0)
    parser.add_argument("--token-ms", type=float, default=5.0)
    parser.add_argument("--text", default="Hello there, I am a stub. I say the same thing again and again.")
    parser.add_argument("--text-file", type=Path, help="say what stands there instead, read at each request")
    args = parser.parse_args()
    script = say(*words(args.text), first_ms=args.first_token_ms, token_ms=args.token_ms)
    async with LlmDouble(script, port=args.port, text_file=args.text_file) as double:
        print(double.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
