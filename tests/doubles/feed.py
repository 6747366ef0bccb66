"""A shop's feed over real HTTP: RSS, Atom or JSON Feed, with validators, that misbehaves when told to.

    async with FeedDouble() as feed:
        feed.add("Miku 1/7", "https://shop.example/1")
        feed.play(fail(503), moved("/elsewhere"))   # the next two requests; later ones get the feed

Also a program: `python -m tests.doubles.feed --port 8090 --kind rss --title "Miku 1/7"`.
"""

import argparse
import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
FIRST_S = 1_700_000_000


def fail(status: int) -> Answer:
    """A status instead of the feed."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="no")

    return answer


def moved(location: str, status: int = 302) -> Answer:
    """A redirect."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": location})

    return answer


def body(data: bytes, content_type: str = "application/xml") -> Answer:
    """Something else in the feed's place."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=content_type)

    return answer


def zeros(n_bytes: int) -> Answer:
    """So many bytes, compressed to next to nothing."""

    async def answer(_: web.Request) -> web.StreamResponse:
        response = web.Response(body=b" " * n_bytes, content_type="application/xml")
        response.enable_compression(web.ContentCoding.gzip)
        return response

    return answer


async def hang(_: web.Request) -> web.StreamResponse:
    """Never an answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    """A connection that breaks in the middle."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"<rss>")
    assert request.transport is not None
    request.transport.abort()
    return response


class FeedDouble:
    """The shop.

    Args:
        kind: `rss`, `atom` or `json`.
    """

    def __init__(self, kind: str = "rss", port: int = 0) -> None:
        self.kind = kind
        self.items: list[tuple[str, str]] = []
        """(title, link), newest first."""
        self.n_requests = 0
        self.n_unchanged = 0
        """Requests answered 304."""
        self._port = port
        self._answers: deque[Answer] = deque()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Address of the feed."""
        return f"http://127.0.0.1:{self._port}/feed"

    def add(self, title: str, link: str = "") -> None:
        """Something new in the shop."""
        self.items.insert(0, (title, link or f"https://shop.example/{len(self.items)}"))

    def play(self, *answers: Answer) -> None:
        """Answer the next requests so."""
        self._answers.extend(answers)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{any:.*}", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.n_requests += 1
        if self._answers:
            return await self._answers.popleft()(request)
        data = self._document()
        etag = f'"{hashlib.sha256(data).hexdigest()[:12]}"'
        modified = formatdate(FIRST_S + len(self.items), usegmt=True)
        headers = {"ETag": etag, "Last-Modified": modified}
        same_tag = request.headers.get("If-None-Match")
        if same_tag == etag or (not same_tag and request.headers.get("If-Modified-Since") == modified):
            self.n_unchanged += 1
            return web.Response(status=304, headers=headers)
        return web.Response(body=data, headers=headers)

    def _document(self) -> bytes:
        if self.kind == "json":
            entries = [{"id": link, "title": title, "url": link} for title, link in self.items]
            document = {"version": "https://jsonfeed.org/version/1.1", "title": "Shop", "items": entries}
            return json.dumps(document).encode()
        pairs = [(escape(title), escape(link)) for title, link in self.items]
        if self.kind == "atom":
            entries = [
                f'<entry><id>{link}</id><title>{title}</title><link href="{link}"/></entry>'
                for title, link in pairs
            ]
            return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Shop</title>{"".join(entries)}</feed>'.encode()
        entries = [
            f"<item><title>{title}</title><link>{link}</link><guid>{link}</guid></item>"
            for title, link in pairs
        ]
        return f'<rss version="2.0"><channel><title>Shop</title>{"".join(entries)}</channel></rss>'.encode()


async def main() -> None:
    """Serve until killed; prints the address once it listens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--kind", choices=("rss", "atom", "json"), default="rss")
    parser.add_argument("--title", action="append", default=[])
    args = parser.parse_args()
    async with FeedDouble(args.kind, args.port) as double:
        for title in args.title:
            double.add(title)
        print(double.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
