"""The pictures of the page in `docs/images`: `python -m tests.browser.pictures` makes them anew."""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import MISSING, PROGRAM, Page, chromium
from tests.browser.visitor import LAST, ask, enter, heard_whole, house, link, newest_turn, page_port
from tests.e2e.stack import ROOT, Stack

IMAGES = ROOT / "docs" / "images"
DESK, PHONE = (1280, 800, False), (390, 844, True)


async def look(page: Page, size: tuple[int, int, bool], scheme: str) -> None:
    """Give the tab a screen and a colour scheme."""
    width, height, mobile = size
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
    )
    await page.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )


async def picture(page: Page, name: str) -> None:
    """Keep what the tab shows."""
    await asyncio.to_thread((IMAGES / name).write_bytes, await page.screenshot())


async def take(stack: Stack) -> None:
    """Idle, speaking, on a phone, and with a process that is missing."""
    async with chromium() as browser:
        page = await browser.page()
        await look(page, DESK, "light")
        await page.open(link(stack, page_port(stack)))
        await page.until("document.querySelectorAll('#processes [data-state=ready]').length === 8")
        await picture(page, "web-idle.png")
        await look(page, DESK, "dark")
        await enter(page, stack)
        await ask(page, "Tell me about the fox.")
        await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 30")
        await page.until("document.querySelector('#turns li:nth-child(5)')")
        await page.run("scrollTo(0, 0)")
        await picture(page, "web-speaking.png")
        await heard_whole(page, await newest_turn(page))
        await look(page, PHONE, "light")
        await page.run("scrollTo(0, 0)")
        await picture(page, "web-phone.png")
        await look(page, DESK, "light")
        stack.kill("llm_streamer", signal.SIGSTOP)
        await page.until("document.querySelector('[data-process=llm_streamer]').dataset.state !== 'ready'")
        await picture(page, "web-degraded.png")


def main() -> int:
    """Exit code 0 once all four are there."""
    if not PROGRAM:
        print(MISSING, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as stack:
        asyncio.run(take(stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
