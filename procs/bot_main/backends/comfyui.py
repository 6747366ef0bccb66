"""ComfyUI over HTTP and WebSocket.

The socket tells progress; what counts is the history, which is asked again whenever the socket is silent
or gone. So a lost event costs a second, and a lost connection nothing. Leaving early takes our run off the
server: out of its queue, and interrupted only if it is ours that is at work. Whoever leaves waits a moment
for that; with a slow server it goes on behind them.
Source: ComfyUI's `server.py` (routes) and `script_examples/websockets_api_example.py` (their order).
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import aiohttp

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.base_images import Painted, Stage
from procs.bot_main.backends.http_body import bounded
from procs.bot_main.core import comfyui as said
from procs.bot_main.core.addresses import http_address
from procs.bot_main.core.drawing import Workflow, filled

LOOK_S = 1.0
"""The server is asked when its socket was silent for this long."""
REQUEST_S = 10.0
CANCEL_S = 2.0
"""Who leaves waits so long until the run is off the server."""
CLOSE_S = 0.5
"""And so long at the end of the process."""
LOST_S = 15.0
"""A server that does not answer for this long in the middle of a picture is gone."""
JSON_LIMIT_BYTES = 8 * 1024 * 1024
"""GET /queue repeats the workflow of everything that waits."""
EVENT_LIMIT_BYTES = 8 * 1024 * 1024
"""Previews are pictures themselves."""
PICTURE_LIMIT_BYTES = 9 * 1024 * 1024
"""What Discord takes of a bot is 10 MiB."""


class ComfyUi:
    """Implements `Painter`.

    Args:
        base_url: its address, like `http://127.0.0.1:8188`; a path before the API's is kept.
        workflow: with placeholders for prompt, seed and checkpoint.
        checkpoint: model for `{checkpoint}`; empty = the first that the server lists.
        time_limit_s: for a whole picture, its time in the server's queue included.

    Raises:
        BadSettings: the address can't be used.
    """

    def __init__(self, base_url: str, workflow: Workflow, checkpoint: str, time_limit_s: float) -> None:
        parts = http_address(base_url)
        if parts is None:
            raise BadSettings("drawing.base_url can't be used: write it like http://127.0.0.1:8188")
        self._url = parts.geturl().rstrip("/")
        self._workflow = workflow
        self._checkpoint = checkpoint
        self._time_limit_s = time_limit_s
        self._http: aiohttp.ClientSession | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def paint(self, prompt: str, seed: int) -> AsyncGenerator[Stage | Painted, None]:
        """See `Painter.paint`."""
        deadline = asyncio.get_running_loop().time() + self._time_limit_s
        checkpoint = await self._chosen_checkpoint()
        workflow = filled(self._workflow, {"prompt": prompt, "seed": seed, "checkpoint": checkpoint})
        client = uuid.uuid4().hex
        events = _Events(self._session(), f"{self._url}/ws?clientId={client}")
        begun: asyncio.Task[str] | None = None
        try:
            await events.connect()  # before the run begins, so that nothing of it is missed
            begun = asyncio.create_task(self._begin(workflow, client))
            run = await asyncio.shield(begun)  # who leaves now needs the id of what the server has taken
            async for stage in self._stages(run, events, deadline):
                yield stage
            begun = None
        finally:
            leaving = self._leave(begun, client) if begun else None
            await events.close()
            if leaving:
                await asyncio.wait([leaving], timeout=CANCEL_S)

    async def close(self) -> None:
        """Close all connections."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_S)
        for task in self._leaving:
            task.cancel()
        if self._http is not None:
            await self._http.close()

    # --- a run --------------------------------------------------------------------------------------

    async def _begin(self, workflow: Workflow, client: str) -> str:
        status, answer = await self._json("POST", "/prompt", {"prompt": workflow, "client_id": client})
        run = said.accepted(answer) if status == 200 else ""
        if not run:
            _raise(said.refusal(status, answer))
        return run

    async def _stages(
        self, run: str, events: "_Events", deadline: float
    ) -> AsyncGenerator[Stage | Painted, None]:
        loop = asyncio.get_running_loop()
        stage, lost_at = Stage(await self._ahead(run) or 0), loop.time() + LOST_S
        yield stage
        while loop.time() < deadline:
            text = await events.next(min(LOOK_S, deadline - loop.time()))
            event = said.event(text, run) if text is not None else said.Event(is_over=True)
            if event.failure:
                _raise(event.failure)
            if event.is_working:
                stage = Stage(0, stage.percent if event.percent is None else event.percent)
            if event.is_over:
                try:
                    if output := await self._output(run):
                        yield await self._view(output)
                        return
                    stage = await self._looked(run, stage)
                    lost_at = loop.time() + LOST_S
                except _Lost as lost:
                    if loop.time() > lost_at:
                        raise BackendError("drawing_unavailable", str(lost)) from None
            yield stage
        raise BackendError("drawing_timeout", f"{self._time_limit_s:g} s")

    async def _looked(self, run: str, stage: Stage) -> Stage:
        """How far it is by the queue, when the socket says nothing.

        Raises:
            BackendError: the server no longer knows the run.
        """
        ahead = await self._ahead(run)
        if ahead is None:
            # It may have ended between the two questions; the history has it then.
            if said.outcome((await self._json("GET", f"/history/{run}"))[1], run) is None:
                raise BackendError("drawing_failed", "the server has forgotten the run")
            return stage
        return Stage(ahead, 0 if ahead else stage.percent)

    async def _ahead(self, run: str) -> int | None:
        return said.place((await self._json("GET", "/queue"))[1], run)

    async def _output(self, run: str) -> said.Output | None:
        outcome = said.outcome((await self._json("GET", f"/history/{run}"))[1], run)
        if outcome and outcome.code:
            _raise(outcome)
        return outcome.output if outcome else None

    async def _view(self, output: said.Output) -> Painted:
        query = {"filename": output.filename, "subfolder": output.subfolder, "type": output.type}
        status, data = await self._request("GET", "/view", PICTURE_LIMIT_BYTES, query=query)
        name = said.picture_name(data)
        if status != 200 or not name:
            raise BackendError("drawing_failed", f"no picture at /view, status {status}")
        return Painted(name, data)

    def _leave(self, begun: asyncio.Task[str], client: str) -> asyncio.Task[None]:
        """Take a run off the server, as far as it answers; also while we are being cancelled ourselves."""
        task = asyncio.create_task(self._cancel(begun, client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task

    async def _cancel(self, begun: asyncio.Task[str], client: str) -> None:
        with suppress(BackendError):
            if run := await self._taken(begun, client):
                await self._json("POST", "/queue", {"delete": [run]})
                if await self._ahead(run) == 0:
                    # Newer servers compare the id; older ones interrupt whatever is at work.
                    await self._json("POST", "/interrupt", {"prompt_id": run})

    async def _taken(self, begun: asyncio.Task[str], client: str) -> str:
        """Id of the run that the server has taken, even where its answer was lost; empty = none."""
        with suppress(BackendError):
            return await begun
        return said.run_of((await self._json("GET", "/queue"))[1], client)

    async def _chosen_checkpoint(self) -> str:
        if self._checkpoint or "{checkpoint}" not in json.dumps(self._workflow):
            return self._checkpoint
        _, info = await self._json("GET", "/object_info/CheckpointLoaderSimple")
        if found := said.first_checkpoint(info):
            return found
        raise BackendError("drawing_refused", "the server lists no checkpoint", retryable=False)

    # --- HTTP ---------------------------------------------------------------------------------------

    async def _json(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON value (None = none) of an answer."""
        status, data = await self._request(method, path, JSON_LIMIT_BYTES, body=body)
        return status, said.as_json(data)

    async def _request(
        self,
        method: str,
        path: str,
        limit_bytes: int,
        body: object = None,
        query: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        url = f"{self._url}{path}"
        try:
            async with (
                asyncio.timeout(REQUEST_S),
                self._session().request(
                    method, url, json=body, params=query, allow_redirects=False
                ) as response,
            ):
                data = await bounded(response, limit_bytes)
                if data is None:
                    raise BackendError("drawing_failed", f"more than {limit_bytes} bytes at {path}")
                return response.status, data
        except TimeoutError:
            raise _Lost(f"{path}: no answer in {REQUEST_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Lost(f"{path}: {type(error).__name__}") from None

    def _session(self) -> aiohttp.ClientSession:
        """The connections; made at first use, because that needs a running loop."""
        if self._http is None:
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._http


class _Lost(BackendError):
    """The server does not answer now."""

    def __init__(self, detail: str) -> None:
        super().__init__("drawing_unavailable", detail)


class _Events:
    """The server's socket, connected again when it was lost; its absence is not an error."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def connect(self) -> None:
        """Connect.

        Raises:
            BackendError: `drawing_unavailable`.
        """
        try:
            async with asyncio.timeout(REQUEST_S):
                self._socket = await self._http.ws_connect(self._url, max_msg_size=EVENT_LIMIT_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _Lost(f"/ws: {type(error).__name__}") from None

    async def next(self, timeout_s: float) -> str | None:
        """The next event; None = none in time."""
        if self._socket is None:
            await asyncio.sleep(timeout_s)
            with suppress(BackendError):
                await self.connect()
            return None
        try:
            message = await self._socket.receive(timeout_s)
        except TimeoutError:
            return None
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is not aiohttp.WSMsgType.BINARY:  # closed, or broken
            await self.close()
        return ""

    async def close(self) -> None:
        """Let the socket go, at once."""
        socket, self._socket = self._socket, None
        if socket is not None and not socket.closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await socket.close()


def _raise(outcome: said.Outcome) -> None:
    raise BackendError(outcome.code, outcome.detail)
