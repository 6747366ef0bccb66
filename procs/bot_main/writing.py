"""She is seen writing while an answer is being made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bus.errors import BackendError
from bus.interface import Log
from procs.bot_main.backends.base_chat import ChatBackend

TYPING_S = 8.0
"""Discord shows for ten seconds that somebody writes."""


@asynccontextmanager
async def seen_writing(chat: ChatBackend, log: Log, channel_id: int) -> AsyncIterator[None]:
    """She writes in a channel while the body runs; that it can't be shown is no harm."""
    task = asyncio.create_task(_show(chat, log, channel_id))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _show(chat: ChatBackend, log: Log, channel_id: int) -> None:
    while True:
        try:
            await chat.typing(channel_id)
        except BackendError as error:
            log.debug("typing", code=error.code)
        await asyncio.sleep(TYPING_S)
