"""Her webhooks: one for each channel, made while others wait for nothing."""

import asyncio
from typing import Any

import pytest

from procs.bot_main.backends.discord_rest import Patience, Refused
from procs.bot_main.backends.discord_webhooks import Webhooks
from procs.bot_main.core.chat import Mask, Post

pytestmark = pytest.mark.unit

OWN_ID, SLOW, QUICK = 99, 1, 2


class HandRest:
    """Requests answered by hand: webhooks are made once `SLOW` is free, and `void` ones are refused."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()
        self.made: list[int] = []
        """Channels, by the number of their webhook."""
        self.posted: list[tuple[int, str]] = []
        """(webhook, text)."""
        self.void: dict[int, int] = {}
        """Webhook → status with which it is refused."""

    async def call(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        if how.get("channel_id") == SLOW:
            await self.is_free.wait()
        if path.endswith("/webhooks"):
            return [] if method == "GET" else self._make(how["channel_id"])
        hook = how["webhook_id"]
        if hook in self.void:
            raise Refused(self.void[hook], 0, repeated=False)
        self.posted.append((hook, body.payload["content"]))
        return {"id": str(1_000 + len(self.posted))}

    def _make(self, channel_id: int) -> dict[str, str]:
        self.made.append(channel_id)
        return {"id": str(len(self.made)), "token": "t"}


async def post(hooks: Webhooks, rest: HandRest, channel_id: int, text: str) -> int:
    return await hooks.post(rest, OWN_ID, channel_id, 0, Mask("Evil"), Post(text))  # type: ignore[arg-type]


async def test_a_slow_channel_holds_no_other_up_and_gets_one_webhook():
    hooks, rest = Webhooks("Miku", Patience()), HandRest()
    slow = [asyncio.create_task(post(hooks, rest, SLOW, text)) for text in ("one", "two")]
    await post(hooks, rest, QUICK, "three")
    assert rest.posted == [(1, "three")]
    rest.is_free.set()
    await asyncio.gather(*slow)
    assert rest.made == [QUICK, SLOW]
    assert not hooks._making, "nothing is kept of who waited"


@pytest.mark.parametrize("status", [401, 404])
async def test_a_webhook_that_is_gone_or_has_another_token_is_made_anew(status: int):
    hooks, rest = Webhooks("Miku", Patience()), HandRest()
    await post(hooks, rest, QUICK, "one")
    rest.void[1] = status
    await post(hooks, rest, QUICK, "two")
    assert rest.posted == [(1, "one"), (2, "two")]
