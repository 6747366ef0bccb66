"""llama.cpp as a child process: start, watch, end. What it prints while it loads tells why it fails."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from bus.errors import BackendError
from procs.llm_server.backends.base import Model
from procs.llm_server.core import demo_brain

CHILD = "procs.llm_server.backends.llama_child"

COMPLAINTS = 20
"""Complaints of one start that are kept."""

COMPLAINT_CHARS = 200
"""As much of one as goes into a detail."""


@dataclass(frozen=True)
class Resources:
    """What a model may use."""

    context_tokens: int
    """Context of each reply."""
    slots: int
    """Replies at the same time."""
    threads: int
    gpu_layers: int


DEMO_RESOURCES = Resources(demo_brain.CONTEXT_TOKENS, slots=4, threads=1, gpu_layers=0)
"""So small a model is slower with two threads than with one: they would wait for each other."""


class LlamaServer:
    """See `ModelServer`.

    Args:
        port: on 127.0.0.1.
        api_key: without it nobody is answered.
        resources: for the operator's model; the demo brain brings its own.
    """

    def __init__(self, port: int, api_key: str, resources: Resources) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._port = port
        self._api_key = api_key
        self._resources = resources
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: list[str] = []

    @property
    def pid(self) -> int | None:
        """The child's process id, None when there is none."""
        return self._process.pid if self._process else None

    async def start(self, model: Model) -> None:
        """See `ModelServer.start`."""
        await self.stop()
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", CHILD, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._orders(model)).encode() + b"\n")
        if not await self._serves():
            returncode = await self._process.wait()
            self._process = None
            raise self._failure(model, returncode)

    async def ended(self) -> str:
        """See `ModelServer.ended`."""
        assert self._process is not None
        return f"llama.cpp ended with {await self._process.wait()}"

    async def stop(self) -> None:
        """See `ModelServer.stop`; it holds nothing that would have to be saved."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    def _orders(self, model: Model) -> dict[str, object]:
        resources = DEMO_RESOURCES if model.is_demo else self._resources
        return {
            "parent_pid": os.getpid(),
            "model": str(model.path),
            "name": model.name,
            "port": self._port,
            "api_key": self._api_key,
            "slots": resources.slots,
            "context_tokens": resources.context_tokens * resources.slots,
            "threads": resources.threads or max(1, (os.cpu_count() or 2) - 1),
            "gpu_layers": resources.gpu_layers,
        }

    async def _serves(self) -> bool:
        """Read what the child prints until it serves, or has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._complaints.clear()
        async for line in self._process.stdout:
            if line.startswith(b"{"):
                return True
            # "0.00.004.064 E llama_model_load: error loading model: ..."
            _, is_error, said = line.decode("utf-8", "replace").partition(" E ")
            if is_error and len(self._complaints) < COMPLAINTS:
                self._complaints.append(said.partition(": ")[2].strip()[:COMPLAINT_CHARS])
        return False

    def _failure(self, model: Model, returncode: int) -> BackendError:
        if any("HTTP server" in complaint for complaint in self._complaints):
            return BackendError(
                "port_taken", f"port {self._port} is taken: end that program, or change bus.base_port"
            )
        # The first complaint is the cause, the others only say what it prevents.
        reason = next(iter(self._complaints), f"it ended with {returncode}")
        return BackendError("model_unusable", f"llama.cpp can't load {model.path}: {reason}")
