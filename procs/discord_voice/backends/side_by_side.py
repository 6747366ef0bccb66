"""Coroutines side by side, of which the first to end decides."""

import asyncio
from collections.abc import Coroutine
from typing import Any

CANCEL_AGAIN_S = 0.05
"""Until a task that did not hear its cancellation is told again."""


async def first(*these: Coroutine[Any, Any, None]) -> None:
    """Run these side by side until the first one ends; the others are cancelled. Its exception is ours."""
    tasks = [asyncio.create_task(one) for one in these]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done() and not task.cancelled()]
        await _cancelled(tasks)
    for task in ended:
        task.result()


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until they are over: Python 3.11's `wait_for`, in which the library waits for messages, loses a
    cancellation that meets a message."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains of it
