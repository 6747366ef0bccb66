"""The door of the gateway: judges each HTTP request by host, origin, address and credential.

Sources: RFC 6265bis (cookies, SameSite), RFC 6750 (Bearer), RFC 7519 (JWT), by PyJWT.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import jwt
from aiohttp import web
from aiohttp.typedefs import Middleware

from procs.web_gateway.core.access import (
    COOKIE_MS,
    Links,
    Lockout,
    Names,
    Principal,
    cookie_name,
    cookie_value,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Callable[..., object])

PRINCIPAL = web.RequestKey("principal", Principal)
TOKEN_CHARS = 4_096
"""No credential is longer."""

_OPEN, _OPERATOR = "open_to_all", "for_operator"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'; object-src 'none'",
}
"""On every answer."""


def open_to_all(handler: H) -> H:
    """Mark a handler that needs no credential; host and origin are judged all the same."""
    setattr(handler, _OPEN, True)
    return handler


def for_operator(handler: H) -> H:
    """Mark a handler that only the operator may use."""
    setattr(handler, _OPERATOR, True)
    return handler


def principal(request: web.Request) -> Principal:
    """Who asks.

    Raises:
        HTTPUnauthorized: nobody that we know.
    """
    if PRINCIPAL not in request:
        raise web.HTTPUnauthorized(text="Ask for a new link: ./miku link\n")
    return request[PRINCIPAL]


class Guard:
    """All rules of the door.

    Args:
        names: hosts and origins.
        secret: seals links and cookies.
        api_key, jwt_secret: of foreign clients; empty = there are none.
        port: names the cookie, since cookies of all ports of a host lie in one jar.
        mono_ms, wall_ms: clocks.
    """

    def __init__(
        self,
        names: Names,
        secret: str,
        api_key: str,
        jwt_secret: str,
        port: int,
        mono_ms: Callable[[], int],
        wall_ms: Callable[[], int],
    ) -> None:
        self._names = names
        self._secret = secret
        self._api_key = api_key
        self._jwt_secret = jwt_secret
        self._cookie = f"miku_{port}"
        self._mono_ms = mono_ms
        self._wall_ms = wall_ms
        self._links = Links(secret, wall_ms())
        self._lockout = Lockout()

    @property
    def takes_foreign_clients(self) -> bool:
        """Whether a credential may still come in `hello`."""
        return bool(self._api_key or self._jwt_secret)

    @property
    def middleware(self) -> Middleware:
        """For `web.Application`."""

        @web.middleware
        async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._check_names(request)
            if request.path == "/" and "token" in request.query:
                return self._enter(request)
            found = self._principal(request)
            if found:
                request[PRINCIPAL] = found
            rules = request.match_info.handler
            if not getattr(rules, _OPEN, False):
                scope = principal(request).scope
                if getattr(rules, _OPERATOR, False) and scope != "operator":
                    raise web.HTTPForbidden(text="This is the operator's: ./miku link prints a link.\n")
            return await handler(request)

        return judge

    def _enter(self, request: web.Request) -> web.StreamResponse:
        """A link: its token becomes a cookie, and leaves the address bar.

        Raises:
            HTTPUnauthorized: it is not valid (any more).
        """
        who = self.redeem(request, request.query["token"])
        if who is None:
            text = "This link was used already, or is older than 5 minutes. For a new one: ./miku link\n"
            raise web.HTTPUnauthorized(text=text)
        if name := self._signed_in(request):  # it stays who it was: its sessions are still its own
            who = Principal("operator", name)
        response = web.Response(status=303, headers={"Location": "/", "Cache-Control": "no-store"})
        self._sign_in(response, who, secure=self._names.is_https(request.headers.get("Host", "")))
        return response

    def _check_names(self, request: web.Request) -> None:
        host = request.headers.get("Host", "")
        if not self._names.admits_host(host):
            text = "This name is not served. Add it to web.hosts.\n"
            raise web.HTTPMisdirectedRequest(text=text)
        if not self._names.admits_origin(request.headers.get("Origin"), host):
            raise web.HTTPForbidden(text="Pages of this origin may not ask. Add it to web.origins.\n")

    def _principal(self, request: web.Request) -> Principal | None:
        """Who shows a valid credential; None without any.

        Raises:
            HTTPUnauthorized: a Bearer credential is wrong.
            HTTPTooManyRequests: the address is locked out.
        """
        if name := self._signed_in(request):
            return Principal("operator", name)
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        self.check_lockout(request)
        found, code = self.verify(request, bearer.strip(), bearer.strip())
        if code:
            raise web.HTTPUnauthorized(text="The API key or JWT is not valid.\n")
        return found

    def _signed_in(self, request: web.Request) -> str:
        """Which browser shows a valid cookie; empty without one."""
        value = request.cookies.get(self._cookie, "")[:TOKEN_CHARS]
        return cookie_name(self._secret, value, self._wall_ms()) if value else ""

    def check_lockout(self, request: web.Request) -> None:
        """Refuse an address that guesses.

        Raises:
            HTTPTooManyRequests: it is locked out.
        """
        if seconds := self._lockout.seconds_left(request.remote or "", self._mono_ms()):
            text = f"Too many wrong tokens from your address. Try again in {seconds} s.\n"
            raise web.HTTPTooManyRequests(text=text, headers={"Retry-After": str(seconds)})

    def redeem(self, request: web.Request, token: str) -> Principal | None:
        """Use a link token; None (and one failure) if it is not valid.

        Raises:
            HTTPTooManyRequests: the address is locked out.
        """
        self.check_lockout(request)
        if self._links.redeem(token[:TOKEN_CHARS], self._wall_ms()):
            return Principal("operator", secrets.token_hex(12))
        self._fail(request)
        return None

    def verify(self, request: web.Request, api_key: str, token: str) -> tuple[Principal | None, str]:
        """Who an API key or JWT names, and the error code if neither does."""
        if self._lockout.seconds_left(request.remote or "", self._mono_ms()):
            return None, "auth.required"
        if self._is_key(api_key):
            return Principal("client", "api-key"), ""
        if token and (subject := self._subject(token[:TOKEN_CHARS])):
            return Principal("client", f"jwt:{subject}"), ""
        if api_key or token:
            self._fail(request)
        return None, "auth.invalid_api_key" if api_key else "auth.required"

    def _is_key(self, api_key: str) -> bool:
        asked, ours = api_key.encode(errors="surrogatepass"), self._api_key.encode()
        return bool(ours) and hmac.compare_digest(asked, ours)

    def _sign_in(self, response: web.StreamResponse, who: Principal, *, secure: bool) -> None:
        """Give the browser its cookie."""
        value = cookie_value(self._secret, who.id, self._wall_ms())
        response.set_cookie(
            self._cookie,
            value,
            max_age=COOKIE_MS // 1000,
            httponly=True,
            samesite="Strict",
            secure=secure,
            path="/",
        )

    def _subject(self, token: str) -> str:
        """The subject of a valid JWT, else empty."""
        if not self._jwt_secret or not token.isascii():
            return ""
        try:
            claims = jwt.decode(
                token, self._jwt_secret, algorithms=["HS256"], options={"require": ["exp", "sub"]}
            )
        except jwt.InvalidTokenError:
            return ""
        return str(claims["sub"])[:64]

    def _fail(self, request: web.Request) -> None:
        self._lockout.failed(request.remote or "", self._mono_ms())


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: what every answer says to browsers."""
    del request
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
