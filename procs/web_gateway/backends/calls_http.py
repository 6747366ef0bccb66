"""HTTP routes of calls: come back, hang up, and read what was said."""

from typing import Any

from aiohttp import web

from bus.foreign_json import read_json
from procs.web_gateway.backends.browsers import TICKET_MS, Browsers
from procs.web_gateway.backends.call import Call
from procs.web_gateway.backends.guard import principal
from procs.web_gateway.backends.http import BODY_BYTES, answer
from procs.web_gateway.core.shape import Field, fault, one_of, text

_OFFER = {
    "type": Field(one_of("offer"), required=True),
    "sdp": Field(text(BODY_BYTES, 1), required=True),
}

MAX_CALLS = 500
"""In one answer."""


class Calls:
    """The routes."""

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers

    def add_routes(self, app: web.Application) -> None:
        """For `make_app`."""
        app.router.add_post("/sessions/{id}/reconnect", self._reconnect)
        app.router.add_delete("/sessions/{id}", self._hang_up)
        if self._browsers.offers_webrtc:
            app.router.add_post("/sessions/{id}/webrtc", self._offer)
        app.router.add_get("/api/calls", self._list)
        app.router.add_get("/api/calls/{id}", self._read)

    async def _reconnect(self, request: web.Request) -> web.StreamResponse:
        call = self._own(request)
        if not call.session:
            raise web.HTTPNotFound(text="This session has not begun.\n")
        url = f"/ws?resume={self._browsers.ticket(call)}"
        return answer(
            {
                "session_id": call.id,
                "sessionId": call.id,
                "websocket_url": url,
                "expires_ms": TICKET_MS,
                "resume_ms": self._browsers.resume_ms,
            }
        )

    async def _hang_up(self, request: web.Request) -> web.StreamResponse:
        self._browsers.hang_up(self._own(request), "client_requested")
        return web.Response(status=204)

    async def _offer(self, request: web.Request) -> web.StreamResponse:
        """WebRTC: an offer is answered, and the sound takes that way once it stands."""
        from procs.web_gateway.backends.webrtc import Peer  # noqa: PLC0415 - loaded for those who use it

        call = self._own(request)
        try:
            offer = read_json(await request.read())
        except ValueError:
            raise web.HTTPBadRequest(text="The body is not JSON.\n") from None
        if fault(_OFFER, offer):
            raise web.HTTPBadRequest(text=f"The body has {fault(_OFFER, offer)}.\n")
        peer = Peer(lambda: self._browsers.retire(call))
        try:
            sdp = await peer.answer(offer["sdp"])
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"The offer can't be answered: {error}.\n") from None
        self._browsers.carry(call, peer)
        return answer({"type": "answer", "sdp": sdp})

    def _own(self, request: web.Request) -> Call:
        """The call that the request names, if it is the asker's.

        Raises:
            HTTPNotFound, HTTPForbidden: it is over or never was; it is somebody else's.
        """
        who = principal(request)
        call = self._browsers.call(request.match_info["id"])
        if call is None:
            raise web.HTTPNotFound(text="This session is over.\n")
        if call.owner != who.owner:
            raise web.HTTPForbidden(text="This session is somebody else's.\n")
        return call

    async def _list(self, request: web.Request) -> web.StreamResponse:
        rows = await self._browsers.history.calls(_readable(request), _limit(request))
        return answer({"calls": [self._shown(row) for row in rows]})

    async def _read(self, request: web.Request) -> web.StreamResponse:
        call_id = request.match_info["id"]
        row = await self._browsers.history.call(_readable(request), call_id)
        if row is None:
            raise web.HTTPNotFound(text="There is no such call.\n")
        began_ms = row["started_ms"]
        turns = [
            {
                **turn,
                "index": index,
                "start_ms": max(0, turn["start_ms"] - began_ms),
                "end_ms": max(0, turn["end_ms"] - began_ms),
                "duration_ms": turn["end_ms"] - turn["start_ms"],
            }
            for index, turn in enumerate(await self._browsers.history.turns(call_id))
        ]
        return answer({**self._shown(row), "turns": turns})

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """A call for people."""
        call = self._browsers.call(row["id"])
        status = "ended" if call is None else "active" if call.connection else "detached"
        until_ms = row["ended_ms"] or self._browsers.desk.wall_ms()
        shown = {name: value for name, value in row.items() if name != "owner"}
        return {**shown, "status": status, "duration_ms": max(0, until_ms - row["started_ms"])}


def _limit(request: web.Request) -> int:
    """How many calls are asked for.

    Raises:
        HTTPBadRequest: no number, or one that is out of bounds.
    """
    text = request.query.get("limit", "50")
    is_number = text.isdecimal() and len(text) <= len(str(MAX_CALLS))  # longer ones can't be converted at all
    if not is_number or not 1 <= int(text) <= MAX_CALLS:
        raise web.HTTPBadRequest(text=f"limit is a number from 1 to {MAX_CALLS}.\n")
    return int(text)


def _readable(request: web.Request) -> str:
    """Whose calls may be read: the operator's cookie opens all (empty), others their own."""
    who = principal(request)
    return "" if who.scope == "operator" else who.owner
