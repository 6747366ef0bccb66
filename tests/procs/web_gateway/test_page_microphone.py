"""Push to talk: the microphone is open while the key or the button is held, and never longer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.chromium import MISSING, PROGRAM, Chromium, Page
from tests.browser.world import WORLD, joined

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]

TRACKS = """
window.tracks = [];
const { getUserMedia } = MediaDevices.prototype;
MediaDevices.prototype.getUserMedia = async function (...args) {
  const stream = await getUserMedia.apply(this, args);
  tracks.push(...stream.getTracks());
  return stream;
};
"""


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium, files: str) -> AsyncIterator[Page]:
    page = await browser.page(before=WORLD + TRACKS)
    await page.open(files)
    await joined(page)
    await page.run("document.activeElement.blur()")
    yield page
    await page.run("localStorage.clear()")
    await page.close()
    assert page.complaints == []


async def opens(page: Page) -> None:
    """Wait until her gateway hears us."""
    before = await page.run("world.socket.sounds")
    await page.until(f"world.socket.sounds > {before} && tracks.at(-1).readyState === 'live'")
    assert await page.run("hold.getAttribute('aria-pressed')") == "true"


async def closes(page: Page) -> None:
    """Wait until the browser's sign of recording is out."""
    await page.until("tracks.every((track) => track.readyState === 'ended')")
    assert await page.run("hold.getAttribute('aria-pressed')") == "false"


async def middle(page: Page) -> tuple[float, float]:
    await page.run("hold.scrollIntoView({ block: 'center' })")
    x, y = await page.run(
        "(({ x, y, width, height }) => [x + width / 2, y + height / 2])(hold.getBoundingClientRect())"
    )
    return x, y


async def mouse(page: Page, kind: str, x: float, y: float, button: str = "left") -> None:
    await page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)


async def touch(page: Page, kind: str, *points: tuple[float, float]) -> None:
    await page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points])


async def test_space_is_held_to_talk(page):
    await page.press(" ", held=True)
    await opens(page)
    await page.release(" ")
    await closes(page)
    await page.click("#text")
    await page.type("a b")
    await page.press(" ", held=True)
    assert await page.run("tracks.length") == 1, "in the text box it is a space"
    await page.release(" ")


async def test_a_space_that_is_let_go_before_the_microphone_is_there_leaves_none_open(page):
    await page.press(" ", held=True)
    await page.release(" ")
    await page.until("tracks.length === 1")
    await closes(page)
    assert await page.run("world.socket.sounds") == 0


@pytest.mark.parametrize(
    "away",
    [
        "dispatchEvent(new Event('blur'))",
        "Object.defineProperty(document, 'hidden', { value: true }), "
        "document.dispatchEvent(new Event('visibilitychange'))",
    ],
)
async def test_who_goes_to_another_window_while_space_is_held_is_not_listened_to(page, away):
    await page.press(" ", held=True)
    await opens(page)
    await page.run(away)
    await closes(page)


async def test_an_open_microphone_stays_open_in_another_window(page):
    await page.click("#open-mic")
    await page.until("world.socket.sounds")
    await page.run("dispatchEvent(new Event('blur'))")
    before = await page.run("world.socket.sounds")
    await page.until(f"world.socket.sounds > {before + 5}")
    await page.press("m")
    await closes(page)


async def test_the_button_is_held_by_mouse_even_where_the_hand_slips(page):
    x, y = await middle(page)
    await mouse(page, "mousePressed", x, y)
    await opens(page)
    await mouse(page, "mouseMoved", x, y + 120)
    await opens(page)
    await mouse(page, "mouseReleased", x, y + 120)
    await closes(page)
    await mouse(page, "mousePressed", x, y, button="right")
    await mouse(page, "mouseReleased", x, y, button="right")
    assert await page.run("tracks.length") == 1, "the right button is for something else"


async def test_the_button_is_held_by_a_finger_that_moves(page):
    await page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    x, y = await middle(page)
    await touch(page, "touchStart", (x, y))
    await opens(page)
    for step in range(1, 8):
        await touch(page, "touchMove", (x, y - 8 * step))
    await opens(page)
    await touch(page, "touchEnd")
    await closes(page)


@pytest.mark.parametrize(
    "end", ["world.socket.break()", "world.socket.say('session.stopped', {}, 9); world.socket.break(1000)"]
)
async def test_a_connection_that_ends_closes_the_microphone(page, end):
    x, y = await middle(page)
    await mouse(page, "mousePressed", x, y)
    await opens(page)
    await page.run(end)
    await closes(page)
