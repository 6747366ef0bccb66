from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

import procs.web_gateway
from procs.web_gateway.backends import visit
from procs.web_gateway.backends.guard import HEADERS
from tests.browser.chromium import Chromium, Page, chromium
from tests.procs.web_gateway.house import House, running

PAGES = Path(procs.web_gateway.__file__).parent / "pages"


@pytest.fixture(autouse=True)
def _life_is_looked_at_often(monkeypatch):
    """Tests set the clock forward; nobody should have to wait until somebody looks at it."""
    monkeypatch.setattr(visit, "TICK_S", 0.02)


@pytest.fixture
async def house(tmp_path):
    async with running(House(tmp_path)) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files() -> AsyncIterator[str]:
    """The page's files alone, under the gateway's content security policy; yields the address."""

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / (request.match_info["name"] or "index.html"), headers=HEADERS)

    app = web.Application()
    app.router.add_get("/{name:[a-z-]*[.a-z]*}", file)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/index.html"
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium("--autoplay-policy=no-user-gesture-required") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium, files: str) -> AsyncIterator[Page]:
    page = await browser.page()
    await page.open(files)
    yield page
    await page.close()
