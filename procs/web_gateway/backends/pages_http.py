"""The page: the files of `pages/`, by a list made at the start. No other path leads to a file."""

from pathlib import Path

from aiohttp import web

from procs.web_gateway.backends.guard import open_to_all

FOLDER = Path(__file__).parents[1] / "pages"

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
"""What is served; other files of the folder are not."""


class Pages:
    """The routes of the files; they are read once, since they belong to this version of the gateway."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            f"/{path.relative_to(folder).as_posix()}": (path.read_bytes(), TYPES[path.suffix])
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES
        }

    def add_routes(self, app: web.Application) -> None:
        """For `make_app`."""
        for name in self._files:
            app.router.add_get(name, self._serve)
        app.router.add_get("/", self._index)

    @open_to_all
    async def _index(self, request: web.Request) -> web.StreamResponse:
        del request
        return self._answer("/index.html")

    @open_to_all
    async def _serve(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request.match_info.get_info()["path"])

    def _answer(self, name: str) -> web.StreamResponse:
        body, kind = self._files[name]
        text = kind.startswith("text/")
        return web.Response(
            body=body,
            content_type=kind,
            charset="utf-8" if text else None,
            headers={"Cache-Control": "no-cache"},
        )
