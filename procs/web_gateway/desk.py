"""The bus as the gateway's backends see it; implements `backends.base.Desk`."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

from bus import Bus
from bus.errors import BackendError, PeerStalled
from bus.interface import Received
from bus.messages import Request, RequestAnswer, RequestKind

AGAIN_S = 0.3
"""A request without an answer is sent again after this."""

ANSWER_S = 3.0
"""After this there is nobody."""

JOIN_ANSWER_S = 12.0
"""A join is answered once its sink begins, or after 2 s without its word, however long it takes to start
(`session.start_timeout_s`); a full house may take its time to empty."""

USER_CHARS = 64


class BusDesk:
    """Asks and looks, for one node."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._answers: dict[str, asyncio.Future[RequestAnswer]] = {}
        self._listening: asyncio.Task[None] | None = None

    def levels(self, topic: str) -> list[tuple[str, str, Any]]:
        """(src, session, message) of every living level."""
        return self._bus.follow(topic).items()

    def level(self, topic: str, session: str = "", src: str = "") -> Any | None:
        """One living level."""
        return self._bus.follow(topic).get(session, src)

    def events(self, topic: str) -> AsyncIterator[Received[Any]]:
        """Events from now on."""
        return self._bus.events(topic)

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Messages and bytes by topic."""
        return self._bus.traffic()

    def is_live(self, session: str, turn: int) -> bool:
        """Whether a turn may still be heard."""
        return self._bus.is_live(session, turn)

    def mono_ms(self) -> int:
        """Monotonic clock."""
        return self._bus.clock.mono_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Wall clock."""
        return self._bus.clock.wall_ns() // 1_000_000

    def log(self, event: str, **fields: object) -> None:
        """A line for the operator."""
        self._bus.log.warning(event, **fields)

    async def ask(
        self, kind: RequestKind, text: str = "", session: str = "", user: str = ""
    ) -> RequestAnswer:
        """Send a request until it is answered."""
        is_join = kind is RequestKind.JOIN
        request = Request(
            uuid.uuid4().hex, kind, text, sink=self._bus.name, user=user[:USER_CHARS], own=is_join
        )
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
            await asyncio.sleep(0)  # let it listen before the first question is asked
        answer = self._answers[request.id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(JOIN_ANSWER_S if is_join else ANSWER_S):
                while not answer.done():
                    await self._bus.push("flow.request", request, session, 0)
                    await asyncio.wait([answer], timeout=AGAIN_S)
                found: RequestAnswer = await answer
                return found
        except (TimeoutError, PeerStalled):
            raise BackendError("bot_unreachable", f"no answer to a {kind}") from None
        finally:
            del self._answers[request.id]

    async def _listen(self) -> None:
        async for received in self._bus.events("report.request"):
            waiting = self._answers.get(received.message.id)
            if waiting and not waiting.done():
                waiting.set_result(received.message)
