"""From an HTTP request to its answer: faults, token, limits, body, handler, JSON; in this order."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from tests.discord.faults import Fault, Point
from tests.discord.journal import Call
from tests.discord.rest import channels, commands, guilds, interactions, login, messages, reactions, webhooks
from tests.discord.rest.body import parse
from tests.discord.rest.ratelimits import Exceeded, RateLimits
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused
from tests.discord.world.model import Application

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

API = "/api/v10"
ROUTES: Sequence[Route] = [
    route
    for module in (login, channels, messages, reactions, guilds, webhooks, commands, interactions)
    for route in module.ROUTES
]
_MAJOR = ("channel", "guild", "webhook")
"""Parts of a path that have limits of their own."""


class Rest:
    """All routes of the API on one aiohttp application."""

    def __init__(self, discord: "Loopback") -> None:
        self._discord = discord
        self._limits = RateLimits(discord.rules.requests_per_second)

    def add_to(self, app: web.Application) -> None:
        """Serves the API under `/api/v10` and uploaded files under `/cdn`."""
        for route in ROUTES:
            app.router.add_route(route.method, API + route.template, self._serving(route))
        app.router.add_get("/cdn/attachments/{attachment}/{name}", self._attachment)
        app.router.add_route("*", API + "/{rest:.*}", self._unknown)

    def _serving(self, route: Route):  # type: ignore[no-untyped-def]  # aiohttp's handler type is private
        async def serve(request: web.Request) -> web.StreamResponse:
            fault = self._discord.faults.strikes(Point.REST, route.name)
            if fault and fault.do in ("hang", "drop"):
                if fault.do == "hang":
                    await fault.lifted.wait()
                return self._cut(request, route)
            response = self._faulty(fault) if fault and fault.status else await self._answer(route, request)
            if fault and fault.do == "drop_after":
                return self._cut(request, route)
            self._note(route, response.status)
            return response

        return serve

    def _note(self, route: Route, status: int) -> None:
        self._discord.journal.calls.append(Call(time.monotonic_ns(), route.method, route.template, status))
        if status >= 400:
            self._discord.journal.refusals[status] += 1

    def _cut(self, request: web.Request, route: Route) -> web.StreamResponse:
        self._note(route, 0)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _faulty(self, fault: Fault) -> web.Response:
        if fault.status == 429:
            scope = "global" if fault.is_global else "shared"
            return _too_many(Exceeded(fault.retry_after, fault.is_global, scope), {})
        return _json_response({"message": f"{fault.status}: a fault on demand", "code": 0}, fault.status)

    async def _answer(self, route: Route, request: web.Request) -> web.Response:
        headers: dict[str, str] = {}
        try:
            application = self._authenticated(request) if route.needs_token else None
            headers, exceeded = self._count(route, request, application)
            if exceeded:
                return _too_many(exceeded, headers)
            body, files = await parse(request, self._discord.rules.upload_max_bytes)
            ask = Ask(self._discord, request.match_info, request.query, body, files, application)
            return _json_response(await route.handle(ask), headers=headers)
        except Refused as refused:
            return _json_response(refused.json(), refused.status, headers)

    def _authenticated(self, request: web.Request) -> Application:
        kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        for application in self._discord.world.applications.values():
            if kind == "Bot" and token and token == application.token:
                return application
        raise Refused(0)

    def _count(
        self, route: Route, request: web.Request, application: Application | None
    ) -> tuple[dict[str, str], Exceeded | None]:
        if not self._discord.rules.rate_limits:
            return {}, None
        who = str(application.id) if application else ""
        exceeded = self._limits.take_global(who) if application else None
        if exceeded:
            return {}, exceeded
        major = "+".join(request.match_info[name] for name in _MAJOR if name in request.match_info)
        return self._limits.take(who, route.name, major, route.limit)

    async def _attachment(self, request: web.Request) -> web.Response:
        id_ = request.match_info["attachment"]
        found = self._discord.world.attachments.get(int(id_)) if id_.isdigit() else None
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.content, content_type=found.content_type.partition(";")[0])

    async def _unknown(self, request: web.Request) -> web.Response:
        self._discord.journal.unknown_routes.append(f"{request.method} {request.path}")
        return _json_response({"message": "404: Not Found", "code": 0}, 404)


def _json_response(data: Answer, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Exactly `application/json`, without a charset, as Discord answers."""
    if data is None:
        return web.Response(status=204, headers=headers)
    response = web.Response(body=json.dumps(data).encode(), status=status, headers=headers)
    response.headers[hdrs.CONTENT_TYPE] = "application/json"
    return response


def _too_many(exceeded: Exceeded, headers: dict[str, str]) -> web.Response:
    body = {
        "message": "You are being rate limited.",
        "retry_after": round(exceeded.retry_after_s, 3),
        "global": exceeded.is_global,
    }
    more = {
        "Retry-After": str(max(1, round(exceeded.retry_after_s))),
        "X-RateLimit-Scope": exceeded.scope,
        "Via": "1.1 google",
    }
    if exceeded.is_global:
        more["X-RateLimit-Global"] = "true"
    return _json_response(body, 429, headers | more)
