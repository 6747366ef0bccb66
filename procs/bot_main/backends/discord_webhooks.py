"""Posts under another name and face: one webhook of Miku's own per channel, made anew when it is gone."""

import asyncio
import re
import time
from collections import OrderedDict, deque
from typing import Any
from weakref import WeakValueDictionary

from procs.bot_main.backends.discord_interactions import of_webhook
from procs.bot_main.backends.discord_posts import Body, Json, bodies
from procs.bot_main.backends.discord_rest import FIRST_PAUSE_S, Lost, Patience, Refused, Rest
from procs.bot_main.core.chat import Mask, Post

NAME_CHARS = 80
KEPT = 500
"""Channels whose webhook is remembered."""
VOID = (401, 404)
"""HTTP statuses of a webhook whose token was changed, or that is gone."""
LOOKED_AT = 20
"""Newest messages among which a lost one is looked for."""
_FORBIDDEN = re.compile(r"discord|clyde", re.IGNORECASE)
"""Names Discord refuses."""
_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_OF_CHANNEL = "/channels/{channel_id}/webhooks"


class Webhooks:
    """Her webhooks in all channels."""

    def __init__(self, name: str, patience: Patience) -> None:
        self._name = _fitting(name, "Miku")
        self._patience = patience
        self._known: OrderedDict[int, tuple[int, str]] = OrderedDict()
        self._posted: deque[int] = deque(maxlen=KEPT)
        self._making: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """Channel → held while its webhook is looked for, so that no second one is made."""

    async def post(
        self, rest: Rest, application_id: int, channel_id: int, thread_id: int, mask: Mask, post: Post
    ) -> int:
        """Post all pages; the id of the last.

        Args:
            rest: of the login.
            application_id: her own.
            channel_id: where the webhook is.
            thread_id: thread of that channel to post in, 0 = the channel itself.
            mask: name and face.
            post: what to write.

        Raises:
            Refused, Lost: of the requests.
        """
        worn: Json = {"username": _fitting(mask.name, self._name)}
        worn |= {"avatar_url": mask.avatar_url} if mask.avatar_url else {}
        posted = 0
        for body in map(of_webhook, bodies(post)):
            part = Body(body.payload | worn, body.files)
            posted = await self._post_one(rest, application_id, channel_id, thread_id, part)
        return posted

    async def _post_one(
        self, rest: Rest, application_id: int, channel_id: int, thread_id: int, body: Body
    ) -> int:
        try:
            hook = await self._hook(rest, application_id, channel_id)
            return await self._execute(rest, hook, channel_id, thread_id, body)
        except Refused as refused:
            is_void = refused.status in VOID
            if not is_void or self._known.pop(channel_id, None) is None:
                raise
        hook = await self._hook(rest, application_id, channel_id)
        return await self._execute(rest, hook, channel_id, thread_id, body)

    async def _execute(
        self, rest: Rest, hook: tuple[int, str], channel_id: int, thread_id: int, body: Body
    ) -> int:
        """Webhooks have no nonce: where the answer was lost, the channel tells whether it was posted."""
        params = {"wait": "true"} | ({"thread_id": str(thread_id)} if thread_id else {})
        deadline = time.monotonic() + self._patience.call_s
        while True:
            try:
                answer = await rest.call(
                    "POST", _HOOK, body, is_repeatable=False, params=params,
                    webhook_id=hook[0], webhook_token=hook[1],
                )  # fmt: skip
                posted = int(answer["id"])
            except Lost:
                posted = await self._lost_one(rest, hook[0], thread_id or channel_id, body)
                if not posted and time.monotonic() > deadline:
                    raise
            if posted:
                self._posted.append(posted)
                return posted
            await asyncio.sleep(FIRST_PAUSE_S)

    async def _lost_one(self, rest: Rest, hook_id: int, channel_id: int, body: Body) -> int:
        """A message of the webhook's with these words that nobody has been told of; 0 = there is none."""
        newest: list[Any] = await rest.call(
            "GET", "/channels/{channel_id}/messages", params={"limit": LOOKED_AT}, channel_id=channel_id
        )
        for one in newest:
            is_hers = one.get("webhook_id") == str(hook_id) and int(one["id"]) not in self._posted
            if is_hers and one["content"].strip() == body.payload["content"].strip():
                return int(one["id"])
        return 0

    async def _hook(self, rest: Rest, application_id: int, channel_id: int) -> tuple[int, str]:
        async with self._making.setdefault(channel_id, asyncio.Lock()):
            if channel_id not in self._known:
                self._known[channel_id] = await self._find_or_make(rest, application_id, channel_id)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return self._known[channel_id]

    async def _find_or_make(self, rest: Rest, application_id: int, channel_id: int) -> tuple[int, str]:
        for one in await rest.call("GET", _OF_CHANNEL, channel_id=channel_id):
            if one.get("application_id") == str(application_id) and one.get("token"):
                return int(one["id"]), str(one["token"])
        made = await rest.call(
            "POST", _OF_CHANNEL, {"name": self._name}, is_repeatable=False, channel_id=channel_id
        )
        return int(made["id"]), str(made["token"])


def _fitting(name: str, otherwise: str) -> str:
    """A name that Discord takes."""
    return _FORBIDDEN.sub("", name).strip()[:NAME_CHARS].strip() or otherwise
