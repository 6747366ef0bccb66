"""The gateway's HTTP side: one application for all routes, behind one door."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from procs.web_gateway.backends.guard import Guard, add_headers, principal

BODY_BYTES = 64 * 1024
"""Largest body of a request."""

Registrar = Callable[[web.Application], None]


def make_app(guard: Guard, *registrars: Registrar) -> web.Application:
    """The application; each registrar adds its routes.

    Args:
        guard: judges every request, whatever route it is for.
    """
    app = web.Application(middlewares=[guard.middleware], client_max_size=BODY_BYTES)
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/api/me", _me)
    for register in registrars:
        register(app)
    return app


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer that nobody keeps."""
    return web.json_response(value, status=status, headers={"Cache-Control": "no-store"})


async def _me(request: web.Request) -> web.Response:
    return answer({"scope": principal(request).scope})
