"""The courier: carries what she writes to the chat, in order, without anybody waiting for it.

Each channel has a lane of its own, and reactions have theirs: a slow or limited one delays nobody else.
A post is tried again while Discord is away for moments: where her voice has failed it is the answer itself.
So is the taking back of a reaction, which nobody does later.
What can't be delivered is logged by its code; the backend has retried by then.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import Invoked, Post

LANE_LIMIT = 100
"""Deliveries that may wait in a lane; the oldest of more are dropped and logged."""
POST_AGAIN_S = 1.0
"""Between two tries."""
LATE_S = 30.0
"""What is older is not tried again: the talk has gone on."""

Delivery = Callable[[], Awaitable[object]]


class Courier:
    """All that goes out."""

    def __init__(self, bus: Bus, chat: ChatBackend) -> None:
        self._bus = bus
        self._chat = chat
        self._lanes: dict[str, deque[Delivery]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Deliveries are made in `tasks`; those that came before wait for this."""
        self._tasks = tasks
        for lane in self._lanes:
            tasks.create_task(self._work(lane))

    def post(self, channel_id: int, post: Post) -> None:
        """Post in a channel, once: by its nonce a post that is tried again is known."""
        known = replace(post, nonce=post.nonce or secrets.token_hex(8))
        self.deliver(f"channel {channel_id}", _persistent(lambda: self._chat.send(channel_id, known)))

    def answer(self, invoked: Invoked, post: Post) -> None:
        """Answer a slash command or a click."""
        self.deliver(f"answer {invoked.id}", lambda: self._chat.answer(invoked, post))

    def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Put a reaction below a message."""
        lane = f"reactions {channel_id}"
        self.deliver(lane, lambda: self._chat.react(channel_id, message_id, emoji))

    def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Take her own reaction back."""
        lane = f"reactions {channel_id}"
        self.deliver(lane, _persistent(lambda: self._chat.unreact(channel_id, message_id, emoji)))

    def deliver(self, lane: str, delivery: Delivery) -> None:
        """Anything else, behind what is in its lane."""
        if lane in self._lanes:
            waiting = self._lanes[lane]
            waiting.append(delivery)
            if len(waiting) > LANE_LIMIT:
                waiting.popleft()
                self._bus.log.warning("delivery dropped", lane=lane.partition(" ")[0])
            return
        self._lanes[lane] = deque([delivery])
        if self._tasks is not None:
            self._tasks.create_task(self._work(lane))

    async def _work(self, lane: str) -> None:
        while self._lanes[lane]:
            delivery = self._lanes[lane].popleft()
            try:
                await delivery()
            except BackendError as error:
                self._bus.log.warning("not delivered", lane=lane.partition(" ")[0], code=error.code)
        del self._lanes[lane]


def _persistent(delivery: Delivery) -> Delivery:
    """A delivery that is tried again while Discord is away, counted from now on."""
    until_s = asyncio.get_running_loop().time() + LATE_S

    async def delivered() -> None:
        while True:
            try:
                await delivery()
                return
            except BackendError as error:
                is_late = asyncio.get_running_loop().time() + POST_AGAIN_S > until_s
                if error.code != "discord_unreachable" or is_late:
                    raise
            await asyncio.sleep(POST_AGAIN_S)

    return delivered
