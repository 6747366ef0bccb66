"""The services of the text features as doubles in this process, whose records a test can look at."""

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from tests.doubles.comfyui import ComfyDouble, Run
from tests.doubles.feed import FeedDouble
from tests.doubles.llama_swap import LlamaSwapDouble
from tests.ports import free_base_port

T = TypeVar("T")
PATIENCE_S = 10.0

TEXT, EYES = "text-model", "vision-model"
"""Models of the llama-swap that written answers and vision use."""


@dataclass
class Services:
    """A llama-swap, a ComfyUI and a shop."""

    swap: LlamaSwapDouble
    comfy: ComfyDouble
    shop: FeedDouble
    loop: asyncio.AbstractEventLoop

    def do(self, work: Awaitable[T]) -> T:
        """Do something in the doubles' loop: `services.do(services.comfy.stop())`."""

        async def done() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(PATIENCE_S)

    @property
    def settings(self) -> dict[str, str]:
        """What points a stack to them."""
        return {
            "MIKU_TEXT__BASE_URL": self.swap.url,
            "MIKU_TEXT__MODEL": TEXT,
            "MIKU_VISION__BASE_URL": self.swap.url,
            "MIKU_VISION__MODEL": EYES,
            "MIKU_DRAWING__BASE_URL": self.comfy.url,
            "MIKU_FIGURINES__FEED_URL": self.shop.url,
            "MIKU_GPU__FREE_URLS": self.swap.url,
        }

    def asked(self, model: str) -> list[str]:
        """What a model of the llama-swap was asked, as JSON text."""
        return [str(body["messages"]) for body in self.swap.chats if body["model"] == model]


@contextmanager
def services() -> Iterator[Services]:
    """All of them, listening; in a loop of their own in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ports = [free_base_port() for _ in range(3)]
    found = Services(
        LlamaSwapDouble(port=ports[0]),
        ComfyDouble(Run(steps=3, step_ms=20), port=ports[1]),
        FeedDouble(port=ports[2]),
        loop,
    )
    doubles = (found.swap, found.comfy, found.shop)
    for double in doubles:
        found.do(double.__aenter__())
    try:
        yield found
    finally:
        for double in doubles:
            found.do(double.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
