"""A ComfyUI server that does what a test tells it to: queue, events, history, pictures, over real sockets.

    async with ComfyDouble() as comfy:
        comfy.play(Run(fault="out_of_memory"))
        ...  # the first run fails so, all later ones make a picture

Also a program: `python -m tests.doubles.comfyui --port 8188 --step-ms 200`.
"""

import argparse
import asyncio
import io
import itertools
import json
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from PIL import Image

CHECKPOINT = "double.safetensors"


@dataclass(frozen=True)
class Run:
    """How a run goes."""

    steps: int = 4
    step_ms: float = 5.0
    fault: str = ""
    """`refuse` (400 with node errors), `error`, `out_of_memory`, `hang`, `drop` (the sockets break after two
    steps), `silent` (no events at all), `forget` (it vanishes), `no_output`."""
    loaded: asyncio.Event | None = None
    """The run goes on when it is set."""
    answered: asyncio.Event | None = None
    """The run is taken at once, but POST /prompt is answered only when it is set."""


def picture(colour: str = "teal") -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()


class ComfyDouble:
    """The server. Tests read what it saw.

    Args:
        default: how a run goes for which nothing was played.
        is_new: whether `/object_info` has the newer shape, and `/interrupt` compares ids.
    """

    def __init__(self, default: Run | None = None, *, port: int = 0, is_new: bool = True) -> None:
        self.default = default or Run()
        self.is_new = is_new
        self.prompts: list[dict[str, Any]] = []
        """Workflows accepted, in order."""
        self.interrupted: list[str] = []
        self.deleted: list[str] = []
        self.image = picture()
        self._port = port
        self._runs: deque[Run] = deque()
        self._numbers = itertools.count(1)
        self._queue: list[tuple[int, str, dict[str, Any], str, Run]] = []
        self._running: tuple[int, str, dict[str, Any], str, Run] | None = None
        self._work: asyncio.Task[None] | None = None
        self._history: dict[str, Any] = {}
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._added = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._queue and self._running is None

    def play(self, *runs: Run) -> None:
        """Let the next runs go so."""
        self._runs.extend(runs)

    def occupy(self, n: int, loaded: asyncio.Event) -> None:
        """Somebody else has runs in the queue, which end when `loaded` is set."""
        for _ in range(n):
            self._queue.append((next(self._numbers), uuid.uuid4().hex, {}, "else", Run(loaded=loaded)))
        self._added.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a stopped double comes back on the same port, and has forgotten everything."""
        app = web.Application(client_max_size=8 << 20)
        app.router.add_get("/ws", self._socket)
        app.router.add_post("/prompt", self._prompt)
        app.router.add_get("/queue", self._show_queue)
        app.router.add_post("/queue", self._delete)
        app.router.add_post("/interrupt", self._interrupt)
        app.router.add_get("/history/{id}", self._show_history)
        app.router.add_get("/view", self._view)
        app.router.add_get("/object_info/CheckpointLoaderSimple", self._info)
        self._queue, self._running, self._history = [], None, {}
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self._tasks = [asyncio.create_task(self._serve())]

    async def stop(self) -> None:
        """Stop listening and break all connections."""
        assert self._runner is not None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop()
        await self._runner.cleanup()

    # --- running ------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        while True:
            await self._added.wait()
            self._added.clear()
            while self._queue:
                self._queue.sort(key=lambda entry: entry[0])
                self._running = self._queue.pop(0)
                self._work = asyncio.create_task(self._run(self._running))
                await asyncio.wait([self._work])
                if self._work.cancelled():
                    await self._tell(self._running[3], "execution_interrupted", self._running[1])
                    self._keep(self._running[1], "error", {}, [])
                self._running = None

    async def _run(self, entry: tuple[int, str, dict[str, Any], str, Run]) -> None:
        _, id_, _, client, run = entry
        with suppress(ConnectionError):
            await self._perform(id_, client, run)

    async def _perform(self, id_: str, client: str, run: Run) -> None:
        told = "" if run.fault == "silent" else client
        await self._tell(told, "execution_start", id_)
        if run.loaded:
            await run.loaded.wait()
        for step in range(run.steps):
            await asyncio.sleep(run.step_ms / 1000)
            await self._tell(told, "executing", id_, node="5")
            await self._tell(told, "progress", id_, value=step + 1, max=run.steps, node="5")
            await self._preview(told)
            if step == 1 and run.fault == "drop":
                await self._drop()
        if run.fault == "hang":
            await asyncio.Event().wait()
        if run.fault in ("error", "out_of_memory"):
            oom = run.fault == "out_of_memory"
            kind = "torch.OutOfMemoryError" if oom else "RuntimeError"
            words = "Allocation on device" if oom else f"can't make {self.prompts[-1]}"
            fault = {
                "node_id": "5",
                "node_type": "KSampler",
                "exception_type": kind,
                "exception_message": words,
            }
            self._keep(id_, "error", {}, [["execution_error", {"prompt_id": id_, **fault}]])
            await self._tell(told, "execution_error", id_, **fault)
            return
        if run.fault == "forget":
            return
        image = {"filename": "miku_00001_.png", "subfolder": "", "type": "output"}
        outputs = {} if run.fault == "no_output" else {"7": {"images": [image]}}
        self._keep(id_, "success", outputs, [])
        await self._tell(told, "execution_success", id_)
        await self._tell(told, "executing", id_, node=None)

    def _keep(self, id_: str, status: str, outputs: dict[str, Any], messages: list[Any]) -> None:
        told = {"status_str": status, "completed": status == "success", "messages": messages}
        self._history[id_] = {"prompt": [], "outputs": outputs, "status": told}

    async def _tell(self, client: str, kind: str, id_: str, **data: object) -> None:
        socket = self._sockets.get(client)
        if socket is not None and not socket.closed:
            await socket.send_str(json.dumps({"type": kind, "data": {"prompt_id": id_, **data}}))

    async def _preview(self, client: str) -> None:
        socket = self._sockets.get(client)
        if socket is not None and not socket.closed:
            await socket.send_bytes(b"\0\0\0\1\0\0\0\1" + b"\xff\xd8\xff" + bytes(100))

    async def _drop(self) -> None:
        for socket in self._sockets.values():
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        self._sockets = {}

    # --- routes -------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        status = {"status": {"exec_info": {"queue_remaining": len(self._queue)}}, "sid": "x"}
        await socket.send_str(json.dumps({"type": "status", "data": status}))
        async for _ in socket:
            pass
        return socket

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        run = self._runs.popleft() if self._runs else self.default
        if run.fault == "refuse":
            fault = {
                "type": "value_not_in_list",
                "message": "Value not in list",
                "details": f"ckpt_name: 'x', {body['prompt']}",
                "extra_info": {"input_name": "ckpt_name"},
            }
            nodes = {
                "1": {"errors": [fault], "dependent_outputs": ["7"], "class_type": "CheckpointLoaderSimple"}
            }
            error = {
                "type": "prompt_outputs_failed_validation",
                "message": "Prompt outputs failed validation",
            }
            return web.json_response({"error": error, "node_errors": nodes}, status=400)
        id_, number = uuid.uuid4().hex, next(self._numbers)
        self.prompts.append(body["prompt"])
        self._queue.append((number, id_, body["prompt"], body["client_id"], run))
        self._added.set()
        if run.answered:
            await run.answered.wait()
        return web.json_response({"prompt_id": id_, "number": number, "node_errors": {}})

    async def _show_queue(self, _: web.Request) -> web.Response:
        def shown(entry: tuple[int, str, dict[str, Any], str, Run]) -> list[object]:
            return [*entry[:3], {"client_id": entry[3]}, ["7"]]

        running = [shown(self._running)] if self._running else []
        pending = [shown(entry) for entry in reversed(self._queue)]
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _delete(self, request: web.Request) -> web.Response:
        gone = (await request.json()).get("delete", [])
        self.deleted += gone
        self._queue = [entry for entry in self._queue if entry[1] not in gone]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        id_ = (await request.json()).get("prompt_id") if self.is_new else None
        if self._running and self._work and id_ in (None, self._running[1]):
            self.interrupted.append(self._running[1])
            self._work.cancel()
        return web.Response()

    async def _show_history(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        return web.json_response({id_: self._history[id_]} if id_ in self._history else {})

    async def _view(self, request: web.Request) -> web.Response:
        if request.query.get("filename") != "miku_00001_.png":
            return web.Response(status=404)
        return web.Response(body=self.image, content_type="image/png")

    async def _info(self, _: web.Request) -> web.Response:
        names = [CHECKPOINT, "other.safetensors"]
        choice: list[object] = ["COMBO", {"options": names}] if self.is_new else [names, {"tooltip": "x"}]
        info = {"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": choice}}}}
        return web.json_response(info)


async def main() -> None:
    """Serve until killed; prints the address once it listens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--step-ms", type=float, default=200.0)
    args = parser.parse_args()
    async with ComfyDouble(Run(args.steps, args.step_ms), port=args.port) as double:
        print(double.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
