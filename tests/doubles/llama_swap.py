"""A llama-swap server that does what a test tells it to: what is in memory, and how it is unloaded.

    async with LlamaSwapDouble(loaded=("a", "b"), generation="2026-01") as swap: ...

Also a program: `python -m tests.doubles.llama_swap --port 8090 --loaded qwen,vision`.
"""

import argparse
import asyncio
from typing import Any, Self

from aiohttp import web


class LlamaSwapDouble:
    """The server. Tests read what it saw.

    Args:
        loaded: models in memory.
        generation: `2026-01` lists ready models only, and answers when the processes have ended; `2026-08`
            lists all that are not stopped, and answers at once; `old` is `2026-01` with `GET /unload` alone.
        unload_ms: time until a model is gone.
        api_key: if set, everything but `/health` is refused without it.
    """

    def __init__(
        self,
        loaded: tuple[str, ...] = (),
        *,
        generation: str = "2026-08",
        unload_ms: float = 20.0,
        api_key: str = "",
        port: int = 0,
    ) -> None:
        self.states = dict.fromkeys(loaded, "ready")
        self.unloads: list[str] = []
        """Models asked to go; empty = all."""
        self.is_stuck = False
        """Whether it takes the order and keeps its models."""
        self.hangs = False
        """Whether it takes requests and says nothing."""
        self.body: str | None = None
        """What `/running` answers instead."""
        self.chats: list[dict[str, Any]] = []
        """Bodies of the chat requests, in order."""
        self.answers: dict[str, str] = {}
        """Model → what it says."""
        self.answer_ms = 0.0
        """How long an answer takes; one whose model is unloaded meanwhile is broken off."""
        self._generation = generation
        self._unload_ms = unload_ms
        self._api_key = api_key
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(middlewares=[self._door], client_max_size=32 << 20)
        app.router.add_get("/running", self._running)
        app.router.add_get("/unload", self._unload)
        app.router.add_get("/health", self._health)
        app.router.add_post("/v1/chat/completions", self._chat)
        if self._generation != "old":
            app.router.add_post("/api/models/unload", self._unload)
            app.router.add_post("/api/models/unload/{model}", self._unload)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and break all connections."""
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _door(self, request: web.Request, handler: object) -> web.StreamResponse:
        if self.hangs:
            await asyncio.Event().wait()
        if self._api_key and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="llama-swap"'})
        assert callable(handler)
        return await handler(request)

    async def _running(self, _: web.Request) -> web.Response:
        if self.body is not None:
            return web.Response(text=self.body)
        is_all = self._generation == "2026-08"
        told = [
            {"model": name, "state": state, "cmd": "llama-server", "proxy": "http://x", "ttl": 0}
            for name, state in self.states.items()
            if state == "ready" or is_all
        ]
        return web.json_response({"running": told})

    async def _chat(self, request: web.Request) -> web.Response:
        """The model is loaded by being asked."""
        body = await request.json()
        self.chats.append(body)
        self.states[body["model"]] = "ready"
        clock = asyncio.get_running_loop().time
        begin = clock()
        while clock() - begin < self.answer_ms / 1000:
            await asyncio.sleep(0.01)
            if self.states.get(body["model"]) != "ready":
                return web.Response(status=502, text="the process has ended")
        message = {"role": "assistant", "content": self.answers.get(body["model"], "I am a stub.")}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"object": "chat.completion", "model": body["model"], "choices": [choice]})

    async def _unload(self, request: web.Request) -> web.Response:
        model = request.match_info.get("model", "")
        if model and model not in self.states:
            return web.Response(status=404, text="model not found")
        self.unloads.append(model)
        if not self.is_stuck:
            for name in [model] if model else list(self.states):
                self.states[name] = "stopping"
            task = asyncio.create_task(self._go())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self._generation != "2026-08":
                await task
        if request.method == "POST" and not model:
            return web.json_response({"msg": "ok"})
        return web.Response(text="OK")

    async def _go(self) -> None:
        await asyncio.sleep(self._unload_ms / 1000)
        self.states = {name: state for name, state in self.states.items() if state != "stopping"}

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="OK")


async def main() -> None:
    """Serve until killed; prints the address once it listens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--loaded", default="")
    parser.add_argument("--generation", default="2026-08", choices=("old", "2026-01", "2026-08"))
    args = parser.parse_args()
    loaded = tuple(name for name in args.loaded.split(",") if name)
    async with LlamaSwapDouble(loaded, generation=args.generation, port=args.port) as double:
        print(double.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
