"""A feed over HTTP: conditional requests, limits of size and time, no redirect to another host.

XML is parsed by defusedxml without DTDs, so that no entity is expanded; size is counted after decompression.
Source: RFC 9110 (conditional requests, redirects); RSS 2.0, RFC 4287, JSON Feed 1.1.
"""

import asyncio
from xml.etree.ElementTree import ParseError

import aiohttp
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from yarl import URL

from bus.errors import BackendError, BadSettings
from bus.foreign_json import read_json
from procs.bot_main.backends.http_body import bounded
from procs.bot_main.core.feed import Item, NoFeed, from_json, from_xml
from procs.bot_main.core.figurines import Poll

LIMIT_BYTES = 2 * 1024 * 1024
"""Larger feeds are refused."""
TIMEOUT_S = 20.0
"""For all of it, redirects included."""
REDIRECTS = 3
VALIDATOR_CHARS = 200
"""Longer validators are not kept: the next request is an ordinary one then."""
ACCEPT = "application/feed+json, application/rss+xml, application/atom+xml, text/xml, */*;q=0.1"


class FeedHttp:
    """Implements `Feed`.

    Args:
        url: http or https.

    Raises:
        BadSettings: the address can't be used.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        try:
            self._url = URL(url)
            is_fine = self._url.scheme in ("http", "https") and bool(self._url.host)
        except ValueError:
            is_fine = False
        if not is_fine:
            raise BadSettings("figurines.feed_url must be an http or https address, like https://shop/feed")
        self.url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def fetch(self, etag: str = "", modified: str = "") -> Poll | None:
        headers = {"Accept": ACCEPT, "User-Agent": "Miku"}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        try:
            async with (
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
                asyncio.timeout(self._timeout.total),
            ):
                return await self._follow(http, headers)
        except TimeoutError:
            raise BackendError("feed_unreachable", f"no answer in {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise BackendError("feed_unreachable", type(error).__name__) from None

    async def _follow(self, http: aiohttp.ClientSession, headers: dict[str, str]) -> Poll | None:
        url = self._url
        for _ in range(REDIRECTS + 1):
            async with http.get(url, headers=headers, allow_redirects=False, timeout=self._timeout) as answer:
                if answer.status not in (301, 302, 303, 307, 308):
                    return await self._read(answer)
                url = self._next(url, answer.headers.get("Location", ""))
        raise BackendError("feed_unreachable", f"more than {REDIRECTS} redirects")

    def _next(self, url: URL, location: str) -> URL:
        """Where a redirect leads: the same host only, and never from https to http."""
        there = url.join(URL(location))
        is_downgrade = url.scheme == "https" and there.scheme != "https"
        is_upgrade = url.scheme == "http" and there.scheme == "https"
        same_port = there.port == url.port or (is_upgrade and there.is_default_port())
        if there.host != url.host or not same_port or is_downgrade or there.scheme not in ("http", "https"):
            raise BackendError("feed_unreachable", "a redirect to another host", retryable=False)
        return there

    async def _read(self, answer: aiohttp.ClientResponse) -> Poll | None:
        if answer.status == 304:
            return None
        if answer.status != 200:
            raise BackendError("feed_unreachable", f"HTTP {answer.status}")
        body = await bounded(answer, LIMIT_BYTES)
        if body is None:
            raise BackendError("feed_unusable", "more than 2 MiB")
        items = await asyncio.to_thread(_parse, body)
        etag, modified = _validator(answer, "ETag"), _validator(answer, "Last-Modified")
        return Poll(self.url, items, etag, modified)


def _validator(answer: aiohttp.ClientResponse, name: str) -> str:
    value = answer.headers.get(name, "")
    return value if len(value) <= VALIDATOR_CHARS and value.isprintable() else ""


def _parse(body: bytes) -> tuple[Item, ...]:
    """By content: what begins with a brace is JSON."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if text.startswith((b"{", b"[")):
            return from_json(read_json(text))
        return from_xml(fromstring(text, forbid_dtd=True))
    except NoFeed as error:
        raise BackendError("feed_unusable", str(error)) from None
    except (ValueError, ParseError, DefusedXmlException, LookupError) as error:
        raise BackendError("feed_unusable", type(error).__name__) from None
