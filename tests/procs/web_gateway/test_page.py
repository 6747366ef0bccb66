"""A person at the page, in a real browser, with a real stack whose voice is tones that can be read back."""

import itertools
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.browser.chromium import MISSING, PROGRAM, Chromium, Page, chromium
from tests.browser.proxy import Proxy, port_of
from tests.browser.visitor import (
    LAST,
    REPLY,
    TAP,
    VOICE,
    ask,
    enter,
    frames,
    heard_whole,
    house,
    leave,
    letters,
    link,
    newest_turn,
    page_port,
    sound,
)
from tests.e2e.stack import Stack

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]

AUDIBLE = "--autoplay-policy=no-user-gesture-required"
"""A page that was loaded anew may sound without a click: the tests have no loudspeaker to spare."""


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Where the proxy will be; the stack must know its port from the start."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Iterator[Stack]:
    with house(tmp_path_factory.mktemp("page"), MIKU_WEB__HOSTS=f"127.0.0.1:{port_of(listener)}") as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium(AUDIBLE) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium) -> AsyncIterator[Page]:
    page = await browser.page(before=TAP)
    yield page
    if await page.run("!document.getElementById('leave').hidden"):
        await leave(page)
    await page.close()
    assert [c for c in page.complaints if not c.startswith(EXPECTED)] == []


EXPECTED = ("Failed to load resource: net::ERR", "WebSocket connection to")
"""What a browser says of a network that was cut on purpose."""


def read(samples) -> str:
    heard = VOICE.hear(samples)
    assert heard.n_slips == 0, "every sample is the voice's own"
    return letters(heard.text)


async def test_a_newcomer_joins_types_hears_and_reads_along(page, stack):
    await enter(page, stack)
    await ask(page)
    turn = await newest_turn(page)
    await heard_whole(page, turn)
    assert read(sound(await frames(page), turn)) == letters(REPLY)
    assert await page.run(f"document.querySelector('{LAST} .heard').textContent") == REPLY
    assert REPLY.rstrip(".").endswith((await page.text("#spoken")).split("\n")[-1].rstrip("."))
    shown = await page.run(
        "[...document.querySelectorAll('#turns details:first-child li span')].map((e) => e.textContent)"
    )
    assert any("first frame" in text for text in shown), "the waterfall"
    await captions_were_in_step(page, turn)
    assert page.complaints == []


async def captions_were_in_step(page: Page, turn: int) -> None:
    """At each position that the page told, the words shown as heard were those that had begun to sound."""
    whole = sound(await frames(page), turn)
    looks = [look for look in await page.run("tap.played") if look["turn"] == turn]
    assert len(looks) > 5
    for look in looks[:-1]:
        n_symbols = (look["at"] * 48 - VOICE.n_symbol) // VOICE.n_symbol
        sounded = letters(VOICE.hear(whole[: look["at"] * 48]).text)[: max(0, n_symbols)]
        words = look["heard"].rstrip().rpartition(" ")[0]
        assert letters(look["heard"]).startswith(sounded[:-1]), "no word sounds before it is shown"
        assert len(letters(words)) <= len(sounded) + 1, "and none is shown before it sounds"


async def test_escape_silences_her_and_nothing_of_the_turn_comes_after(page, stack):
    await enter(page, stack)
    await ask(page)
    await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
    turn = await newest_turn(page)
    await page.press("Escape")
    await page.until(f"document.querySelector('{LAST}').dataset.outcome === 'cut'")
    heard, cut = await page.text(f"{LAST} .heard"), await page.text(f"{LAST} .cut")
    assert heard
    assert cut
    assert heard + cut == REPLY or letters(heard + cut) == letters(REPLY)[: len(letters(heard + cut))]
    await ask(page, "again")
    await page.until(f"Number(document.querySelector('{LAST}')?.dataset.turn) > {turn}")
    again = await newest_turn(page)
    await heard_whole(page, again)
    everything = await frames(page)
    behind = list(itertools.dropwhile(lambda frame: frame.turn != 0 or frame is everything[0], everything))
    assert behind
    assert [frame for frame in behind if frame.turn == turn] == []
    assert read(sound(everything, again)) == letters(REPLY)


async def test_a_page_that_is_loaded_anew_goes_on_where_it_was(page, stack):
    await enter(page, stack)
    await ask(page)
    await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
    turn = await newest_turn(page)
    before = await frames(page)
    await page.call("Page.reload")
    await page.until("window.tap && !tap.before && document.querySelector('li.miku')")
    await heard_whole(page, turn)
    after = await frames(page)
    assert read(sound([*before, *after], turn)) == letters(REPLY)
    assert await page.run(f"document.querySelector('{LAST} .heard').textContent") == REPLY
    assert await page.run("captions.innerText.startsWith('You\\nhello\\nMiku')")


async def test_what_a_closed_tab_leaves_is_taken_up_by_the_next_even_by_a_new_link(browser, page, stack):
    closed = await browser.page()
    await enter(closed, stack)
    await ask(closed)
    await closed.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
    turn = await newest_turn(closed)
    await closed.close()
    await page.open(link(stack, page_port(stack)))
    await page.click("#join")
    await page.until(f"document.querySelector('li[data-turn=\"{turn}\"]')")
    await heard_whole(page, turn)
    assert await page.run("notice.textContent") == ""


async def test_a_lost_network_is_told_counted_and_overcome(page, stack, listener):
    async with Proxy(page_port(stack), listener) as proxy:
        await enter(page, stack, proxy.port)
        await ask(page)
        await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
        turn = await newest_turn(page)
        proxy.cut()
        await page.until("document.getElementById('banner').innerText.includes('try 1 of 5')")
        await page.until("document.getElementById('banner').innerText.includes('try 2 of 5')")
        proxy.mend()
        await page.until("document.getElementById('banner').hidden && state.textContent !== 'reconnecting'")
        await heard_whole(page, turn)
        assert read(sound(await frames(page), turn)) == letters(REPLY)
        await leave(page)
        assert await page.run("document.getElementById('banner').hidden"), "a wanted end is not reconnected"


async def test_a_second_browser_is_told_that_a_session_runs_and_has_its_turn_afterwards(page, stack):
    await enter(page, stack)
    async with chromium(AUDIBLE) as other:
        second = await other.page()
        await second.open(link(stack, page_port(stack)))
        await second.until("document.querySelector('#processes li')")
        await second.click("#join")
        await second.until(
            "document.getElementById('notice').innerText.includes('Another session is running')"
        )
        assert await second.run("!join.hidden && state.textContent === 'idle'")
        await ask(page)
        turn = await newest_turn(page)
        await page.until(f"document.querySelector('li[data-turn=\"{turn}\"] .heard').textContent.length > 8")
        await ask(page, "and then")
        await page.until("notice.innerText === 'One prompt is answered first.'")
        await leave(page)
        await second.click("#join")
        await second.until("state.textContent === 'listening' && !text.disabled")
        assert await second.run("notice.textContent") == ""
        await ask(second)
        await second.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
        await leave(second)
        assert second.complaints == []


async def test_all_of_it_by_keyboard(page, stack):
    await page.open(link(stack, page_port(stack)))
    await page.until("document.activeElement.id === 'join'")
    await page.press("Enter")
    await page.until("document.activeElement.id === 'text' && state.textContent === 'listening'")
    await page.type("hello")
    await page.press("Enter")
    await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
    await page.press("Escape")
    await page.until(f"document.querySelector('{LAST}').dataset.outcome === 'cut'")
    order = []
    while "open-mic" not in order:
        await page.press("Tab")
        order.append(await page.run("document.activeElement.id"))
        assert len(order) < 10, order
    assert order == ["send", "stop", "hold", "open-mic"]
    await page.press("Enter")
    await page.until("document.getElementById('notice').innerText.includes('microphone')")
    await page.until("document.getElementById('your-level').value > 0")
    await page.press("m")
    await page.until("document.getElementById('open-mic').getAttribute('aria-pressed') === 'false'")
    await page.run("document.activeElement.blur()")
    await page.press(" ", held=True)
    await page.until("document.getElementById('your-level').value > 0")
    await page.release(" ")
    await page.until("document.getElementById('your-level').value === 0")
    await page.press("/")
    assert await page.run("document.activeElement.id") == "text"


async def test_without_a_valid_link_the_page_says_what_to_do(browser, stack):
    async with chromium() as other:
        page = await other.page()
        await page.open(f"http://127.0.0.1:{page_port(stack)}/")
        for place in ("notice", "watch-state"):
            await page.until(f"document.getElementById('{place}').innerText.includes('miku link')")
        await page.click("#join")
        await page.until("document.getElementById('notice').innerText.includes('miku link')")
        spent = link(stack, page_port(stack))
        await page.open(spent)
        await page.until("document.querySelector('#processes li')")
        await page.call("Network.clearBrowserCookies")
        await page.open(spent)
        assert "link" in await page.text("body"), "a link works once"
