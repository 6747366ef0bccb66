"""The operator's view over HTTP: `/watch` (server-sent events), `/metrics`, `/healthz`.

Source: WHATWG HTML, Server-sent events. All three go through the gateway's door; `/healthz` alone needs no
credential, for it says no more than which processes serve.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Middleware

from procs.web_gateway.backends.guard import Handler, for_operator, open_to_all
from procs.web_gateway.backends.metrics_text import CONTENT_TYPE, exposition
from procs.web_gateway.backends.watch import Observer
from procs.web_gateway.core import watch

PERIOD_S = 0.2
"""Five changes a second at most."""

SLOW_S = 5.0
"""A reader that takes nothing for so long is dropped; one change and the socket's buffer wait for it."""

ALIVE_S = 15.0
"""A comment is sent after this much silence, so that a dead connection is found."""

READERS = 8
"""Readers at once: an operator's tabs."""

ROUTES = ("/ws", "/ws/chat", "/watch")
"""Long-lived connections that are counted."""

REFUSED = frozenset({401, 403, 421, 429, 503})


class WatchRoutes:
    """Serves an `Observer`: a registrar for `make_app`."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._n_readers = 0
        self._closing = asyncio.Event()

    def __call__(self, app: web.Application) -> None:
        """Add the routes; the observer runs while the application does."""
        app.middlewares.insert(0, self._counting())
        app.router.add_get("/watch", self._watch)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.cleanup_ctx.append(self._observe)
        app.on_shutdown.append(self._close)

    async def _observe(self, app: web.Application) -> AsyncIterator[None]:
        del app
        observing = asyncio.create_task(self._observer.run())
        yield
        observing.cancel()
        with suppress(asyncio.CancelledError):
            await observing

    async def _close(self, app: web.Application) -> None:
        """Streams end by themselves, so that the gateway's end waits for none."""
        del app
        self._closing.set()

    @for_operator
    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if self._n_readers >= READERS:
            raise web.HTTPServiceUnavailable(text="Too many pages watch already: close one of them.\n")
        self._n_readers += 1
        try:
            return await self._stream(request)
        finally:
            self._n_readers -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        try:
            await self._feed(response)
        except TimeoutError:
            self._observer.figures.add("miku_watch_dropped_total", 1)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass
        return response

    async def _feed(self, response: web.StreamResponse) -> None:
        told: watch.View = {}
        quiet_s = 0.0
        while not self._closing.is_set():
            now = self._observer.view()
            news = watch.changed(told, now)
            if news or quiet_s >= ALIVE_S:
                event = f"event: {'change' if told else 'snapshot'}\ndata: {json.dumps(news)}\n\n"
                async with asyncio.timeout(SLOW_S):
                    await response.write((event if news else ": alive\n\n").encode())
                told, quiet_s = now, 0.0
            quiet_s += PERIOD_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), PERIOD_S)

    @for_operator
    async def _metrics(self, request: web.Request) -> web.Response:
        del request
        self._observer.look()
        body = exposition(self._observer.figures)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    @open_to_all
    async def _healthz(self, request: web.Request) -> web.Response:
        del request
        status, body = watch.judged(self._observer.processes())
        return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})

    def _counting(self) -> Middleware:
        figures = self._observer.figures
        figures.add("miku_watch_dropped_total", 0)
        for route in ROUTES:
            figures.put("miku_browser_connections", 0, route)

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Outermost: sees what the door refuses."""
            is_counted = request.path in ROUTES
            before = figures.values("miku_browser_connections")
            if is_counted:
                figures.put("miku_browser_connections", before[(request.path,)] + 1, request.path)
            try:
                return await handler(request)
            except web.HTTPException as refusal:
                if refusal.status in REFUSED:
                    figures.add("miku_browser_refused_total", 1, str(refusal.status))
                raise
            finally:
                if is_counted:
                    open_now = figures.values("miku_browser_connections")[(request.path,)]
                    figures.put("miku_browser_connections", open_now - 1, request.path)

        return count
