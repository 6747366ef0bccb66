"""Discord's REST interface: requests that are tried again, and end in time.

The library obeys rate limits; it does not retry 503, nor a reset connection on Linux, and takes a 429 without
a `Via` header for a ban. Here such requests are repeated with the same body, whose nonce makes them one.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import discord
from discord.http import HTTPClient, Route

from bus.errors import BackendError
from procs.bot_main.backends.discord_posts import Body, Json

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
BAD_TOKEN = 401
TOO_MANY = 429
SERVER_FAULT = 500


@dataclass(frozen=True)
class Patience:
    """How long to wait for Discord, in seconds."""

    call_s: float = 10.0
    """A request with all its repetitions and the library's waits for the rate limit."""
    attempt_s: float = 4.0
    """One attempt."""
    turn_s: float = 60.0
    """How long a post waits for those before it in its channel."""
    acknowledge_s: float = 2.5
    """The first answer to an interaction; Discord takes none after 3 s."""
    identify_s: float = 5.0
    """Between two IDENTIFYs."""
    guilds_s: float = 0.5
    """After READY: how long the next guild may take to be told."""
    blip_s: float = 10.0
    """A lost connection is resumed in silence within this time; after it she is offline."""
    first_retry_s: float = 1.0
    longest_retry_s: float = 60.0
    """Pauses between new beginnings grow from the first to the longest."""
    steady_s: float = 60.0
    """A session that lived so long lets the pauses begin anew."""


class Refused(Exception):
    """Discord says no: status and error code; no part of the request is in it."""

    def __init__(self, status: int, code: int, *, repeated: bool) -> None:
        super().__init__(f"HTTP {status}, code {code}")
        self.status, self.code = status, code
        self.repeated = repeated
        """Whether an earlier attempt may have been taken."""

    @property
    def is_gone(self) -> bool:
        """What it was about does not exist (any more)."""
        return self.status == 404


class Lost(Exception):
    """No answer in time; the request may have been taken all the same, or not."""


class Rest:
    """Requests of one login."""

    def __init__(self, http: HTTPClient, patience: Patience) -> None:
        self._http = http
        self._patience = patience

    async def call(
        self,
        method: str,
        path: str,
        body: Json | Body | list[Json] | None = None,
        *,
        is_repeatable: bool = True,
        params: Json | None = None,
        within_s: float = 0.0,
        **places: Any,
    ) -> Any:
        """One request; its JSON answer.

        Args:
            method: of HTTP.
            path: like `/channels/{channel_id}/messages`.
            body: JSON, or JSON with files.
            is_repeatable: whether sending it twice is the same as once; if not, it is repeated only where
                Discord has certainly not taken it.
            params: of the query.
            within_s: limit of time instead of the usual one.
            places: what stands in the path's braces.

        Raises:
            Refused: Discord says no.
            Lost: no answer in time.
        """
        more: dict[str, Any] = {"params": params} if params else {}
        attempt_s = min(self._patience.attempt_s, (within_s or self._patience.call_s) / 2)
        more["timeout"] = aiohttp.ClientTimeout(total=attempt_s)
        if isinstance(body, Body) and body.files:
            more["form"] = _form(body)
        elif body is not None:
            more["json"] = body.payload if isinstance(body, Body) else body

        def attempt() -> Awaitable[Any]:
            return self._http.request(Route(method, path, **places), **more)

        return await self.persist(attempt, is_repeatable=is_repeatable, within_s=within_s)

    async def persist(
        self, attempt: Callable[[], Awaitable[T]], *, is_repeatable: bool = True, within_s: float = 0.0
    ) -> T:
        """An attempt, repeated until it succeeds, is refused, or time is up; raises as `call`."""
        try:
            async with asyncio.timeout(within_s or self._patience.call_s) as limit:
                n_failed = 0
                while True:
                    try:
                        return await attempt()
                    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
                        pause_s = _pause_s(error, n_failed, is_repeatable)
                    except RuntimeError:  # aiohttp's word for a login that was closed meanwhile
                        raise Lost("the login is over") from None
                    n_failed += 1
                    if asyncio.get_running_loop().time() + pause_s > (limit.when() or 0.0):
                        raise Lost("rate limited, or still failing at the end of the time")
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            raise Lost("no answer in time") from None


def _pause_s(error: Exception, n_failed: int, is_repeatable: bool) -> float:
    """How long to wait before the next attempt.

    Raises:
        Refused, Lost: there is none.
    """
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**n_failed) * random.uniform(0.8, 1.2)
    if isinstance(error, discord.HTTPException):
        if error.status == TOO_MANY:
            return max(pause_s, _retry_after_s(error))
        if error.status >= SERVER_FAULT:
            return pause_s
        raise Refused(error.status, error.code, repeated=n_failed > 0) from None
    never_sent = isinstance(error, aiohttp.ClientConnectorError)
    if is_repeatable or never_sent:
        return pause_s
    raise Lost(type(error).__name__) from None


def _retry_after_s(error: discord.HTTPException) -> float:
    try:
        return float(error.response.headers.get("Retry-After", 0.0))
    except ValueError:
        return 0.0


def _form(body: Body) -> list[Json]:
    form: list[Json] = [{"name": "payload_json", "value": json.dumps(body.payload)}]
    for number, file in enumerate(body.files):
        form.append(
            {
                "name": f"files[{number}]",
                "value": file.data,
                "filename": file.name,
                "content_type": "application/octet-stream",
            }
        )
    return form


def failure(error: Refused | Lost) -> BackendError:
    """The error a caller outside of this room gets: with a code, without a trace of the request."""
    if isinstance(error, Refused) and error.status == BAD_TOKEN:
        # It says nothing about the request: that may succeed once the operator has mended it.
        return BackendError("discord_token_invalid", str(error))
    if isinstance(error, Refused):
        return BackendError("discord_forbidden", str(error), retryable=False)
    return BackendError("discord_unreachable", str(error))
