"""The page and its connection, as a person sees it, while a test moves the clock and the network."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.chromium import MISSING, PROGRAM, Chromium, Page
from tests.browser.world import RECONNECT, WORLD, banner, joined, passes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]

GUARD_MS = 600
"""Behind it a click on Leave counts."""


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium, files: str) -> AsyncIterator[Page]:
    page = await browser.page(before=WORLD)
    await page.open(files)
    yield page
    await page.run("localStorage.clear()")
    await page.close()
    assert [c for c in page.complaints if "404" not in c] == []


async def answers(page: Page, name: str, answer: object) -> None:
    await page.run(f"world.answers[{json.dumps(name)}] = {json.dumps(answer)}")


async def released(page: Page, name: str, answer: object) -> None:
    """A request that hangs is answered."""
    await page.run(f"world.hanging[{json.dumps(name)}]({json.dumps(answer)})")


async def cut_off(page: Page) -> None:
    """The connection breaks, and the first try hangs."""
    await joined(page)
    await passes(page, GUARD_MS)
    await page.run("world.socket.break()")
    await page.until("banner.innerText.includes('try 1 of 5')")
    await passes(page, 1_000)
    await page.until("world.requests.includes('POST /sessions/s1/reconnect')")


@pytest.mark.parametrize("answer", [RECONNECT, "cut", {"status": 503}])
async def test_who_leaves_while_it_is_tried_again_has_left(page, answer):
    await cut_off(page)
    await page.click("#leave")
    await page.until("!join.hidden")
    await released(page, "POST /sessions/s1/reconnect", answer)
    await passes(page, 60_000)
    assert await page.run("state.textContent") == "idle"
    assert await banner(page) == ""
    assert await page.run("world.sockets.length") == 1, "no new session"
    assert "DELETE /sessions/s1" in await page.run("world.requests")


async def test_who_leaves_before_the_connection_stands_is_told_of_no_fault(page):
    await page.click("#join")
    await page.until("world.sockets.length")
    await passes(page, GUARD_MS)
    await page.click("#leave")
    await page.until("!join.hidden")
    await passes(page, 60_000)
    assert await page.run("state.textContent + notice.textContent") == "idle"
    assert await page.run("document.activeElement.id") == "join"


@pytest.mark.parametrize("end", ["3 s without an answer", "break"])
async def test_who_leaves_over_a_dead_connection_has_left_and_the_gateway_is_told(page, end):
    await joined(page)
    await passes(page, GUARD_MS)
    await page.run("world.socket.close = () => {}")
    await page.click("#leave")
    if end == "break":
        await page.run("world.socket.break(1006)")
    else:
        await passes(page, 3_100)
    await page.until("!join.hidden")
    assert await page.run("state.textContent") == "idle"
    assert "DELETE /sessions/s1" in await page.run("world.requests")


async def test_behind_a_proxy_a_gateway_that_is_down_is_called_so(page):
    await answers(page, "GET /api/me", {"status": 502, "text": "<html>Bad Gateway</html>"})
    await page.click("#join")
    await page.until("notice.textContent")
    assert "can't be reached" in await page.run("notice.textContent")


async def test_a_session_that_was_taken_up_outlives_an_error(page):
    await page.run("localStorage.setItem('miku.session.s9', '')")
    await answers(page, "GET /api/calls/s9", {"status": 200, "body": {"status": "detached", "turns": []}})
    await answers(page, "POST /sessions/s9/reconnect", RECONNECT)
    await page.click("#join")
    await page.until("world.sockets.length")
    await page.run("world.socket.resume('s9', 1)")
    await page.run("world.socket.say('error', { message: 'Busy.', code: 'busy' }, 9)")
    await passes(page, 1_000)
    assert await page.run("state.textContent") == "listening"


async def test_a_page_that_the_browser_had_put_aside_begins_anew(page):
    await page.run("window.isOld = true")
    await page.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await page.until("!window.isOld && document.readyState === 'complete'")
    assert await page.run("join.hidden") is False


async def test_five_tries_that_hang_then_a_person_tries_again(page):
    await cut_off(page)
    for attempt, wait_s in ((2, 2), (3, 4), (4, 8), (5, 16)):
        await passes(page, 5_000)
        assert f"(try {attempt} of 5) in {wait_s} s" in await banner(page), "a try that hangs is given up"
        await passes(page, wait_s * 1_000)
    await passes(page, 5_000)
    assert "Five tries to reconnect have failed." in await banner(page)
    assert await page.run("world.requests.filter((name) => name.endsWith('reconnect')).length") == 5
    await answers(page, "POST /sessions/s1/reconnect", RECONNECT)
    await page.click("#banner-action")
    await page.until("world.sockets.length === 2")
    assert "Try again" not in await banner(page), "once is enough"
    await page.run("world.socket.resume()")
    assert await page.run("state.textContent") == "listening"
    assert await banner(page) == ""


async def test_a_connection_on_which_nothing_comes_is_given_up_after_45_s(page):
    await joined(page)
    await passes(page, 44_000)
    await page.run("world.socket.say('ping', { ts: 1 })")
    await passes(page, 44_000)
    assert await banner(page) == ""
    await passes(page, 1_000)
    assert "try 1 of 5" in await banner(page)


async def test_a_connection_that_is_never_made_is_given_up(page):
    await cut_off(page)
    await released(page, "POST /sessions/s1/reconnect", RECONNECT)
    await page.until("world.sockets.length === 2")
    await passes(page, 10_000)
    assert "try 2 of 5" in await banner(page)


async def test_a_double_click_on_join_does_not_leave(page):
    await page.click("#join")
    await page.until("world.sockets.length")
    await passes(page, 300)
    await page.click("#leave")
    await page.run("world.socket.start()")
    assert await page.run("state.textContent") == "listening"
    await passes(page, GUARD_MS)
    await page.click("#leave")
    stop = {"type": "session.stop", "reason": "client_requested"}
    assert (await page.run("world.socket.sent"))[-1] == stop


async def test_a_double_click_before_the_gateway_has_answered_joins_once(page):
    await page.run("delete world.answers['GET /api/me'], world.requests = []")
    await page.click("#join")
    await page.until("join.hidden")
    await page.run("join.onclick()")
    await released(page, "GET /api/me", {"status": 200})
    await page.until("world.sockets.length")
    assert await page.run("world.requests.filter((name) => name === 'GET /api/me').length") == 1
    assert await page.run("world.sockets.length") == 1


async def loaded_anew(page: Page, answer: object, before: str = "") -> None:
    """Load the page again; its reconnect is answered so."""
    script = f"world.answers['POST /sessions/s1/reconnect'] = {json.dumps(answer)}; {before}"
    added = await page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
    await page.call("Page.reload")
    await page.until("world.requests.includes('POST /sessions/s1/reconnect')")
    await page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])


async def test_a_page_that_is_loaded_anew_while_it_joins_goes_on_joining(page):
    await page.click("#join")
    await page.until("world.sockets.length")
    await page.run("world.socket.open()")
    await page.run("world.socket.say('hello.ack', { sessionId: 's1', resumed: false })")
    await loaded_anew(page, RECONNECT)
    await page.until("world.sockets.length")
    await page.run("world.socket.resume()")
    assert await page.run("state.textContent") == "joining", "it has not begun yet"
    await page.run("world.socket.say('session.started', { sessionId: 's1' }, 4)")
    assert await page.run("state.textContent") == "listening"


async def test_a_session_of_a_tab_that_was_closed_is_taken_up_by_the_next_join(browser, files, page):
    closed = await browser.page(before=WORLD)
    await closed.open(files)
    await joined(closed)
    await answers(page, "GET /api/calls/s1", {"status": 200, "body": {"status": "detached", "turns": []}})
    await answers(page, "POST /sessions/s1/reconnect", RECONNECT)
    await page.click("#join")
    await page.until("world.sockets.length")
    assert "resume" not in await page.run("world.socket.url"), (
        "the tab is still there: nothing is taken from it"
    )
    await passes(page, GUARD_MS)
    await page.click("#leave")
    await page.until("!join.hidden")
    await closed.close()
    await page.until("navigator.locks.query().then(({ held }) => held.length === 0)")
    await page.click("#join")
    await page.until("world.socket.url.endsWith('/ws?resume=t')")
    await page.run("world.socket.resume()")
    assert await page.run("state.textContent") == "listening"


async def test_a_session_that_another_browser_or_nobody_has_is_not_taken_up(page):
    await joined(page)
    await page.run("sessionStorage.clear()")
    await page.open(await page.run("location.href"))
    for status in ("active", "ended"):
        await answers(page, "GET /api/calls/s1", {"status": 200, "body": {"status": status, "turns": []}})
        await page.click("#join")
        await page.until("world.sockets.length")
        assert not await page.run("world.sockets.some(({ url }) => url.includes('resume'))")
        await page.run(
            "world.socket.open(); world.socket.say('error', { message: 'no', code: 'session_active' })"
        )
        await page.until("!join.hidden")
        await page.run("world.sockets = []")


@pytest.mark.parametrize("status", [403, 404])
async def test_a_session_that_can_not_be_taken_up_after_all_makes_way_for_a_new_one(page, status):
    await page.run("localStorage.setItem('miku.session.s0', 'begun')")
    await answers(page, "GET /api/calls/s0", {"status": 200, "body": {"status": "detached"}})
    await answers(page, "POST /sessions/s0/reconnect", {"status": status})
    await page.click("#join")
    await page.until("world.sockets.length")
    await page.run("world.socket.start()")
    assert await page.run("state.textContent + notice.textContent") == "listening"
    assert await page.run("localStorage.getItem('miku.session.s0')") is None


async def test_a_screen_reader_is_not_told_each_second(page):
    await cut_off(page)
    await passes(page, 5_000)
    alert = "[...banner.querySelectorAll('span:not([aria-hidden])')].map((e) => e.textContent).join('')"
    told, before = await page.run(alert), await banner(page)
    await passes(page, 1_000)
    assert await banner(page) != before, "it counts down"
    assert await page.run(alert) == told
    assert "try 2 of 5" in told


SAID = """
[...captions.children].map((li) => li.className + ": " + [...li.childNodes].slice(1)
  .map((e) => e.textContent).join("") + " " + (li.dataset.outcome ?? ""))
"""


async def test_what_was_said_is_there_again_after_a_reload(page):
    await joined(page)
    turns = [
        {"turn_id": 10, "speaker": "human", "text": "One?", "outcome": ""},
        {"turn_id": 20, "speaker": "human", "text": "Two?", "outcome": ""},
        {"turn_id": 10, "speaker": "ai", "text": "First.", "outcome": "done"},
        {"turn_id": 30, "speaker": "human", "text": "Three?", "outcome": ""},
    ]
    call = {"status": 200, "body": {"status": "active", "turns": turns}}
    await loaded_anew(page, RECONNECT)
    await page.until("world.sockets.length")
    await page.run("world.socket.open(); world.socket.say('hello.ack', { sessionId: 's1', resumed: true })")
    delta = {"turn_id": 20, "text": "cond.", "first_char": 2}
    await page.run(f"world.socket.say('assistant.response.delta', {json.dumps(delta)}, 1200)")
    await page.run("world.socket.say('session.resumed', { sessionId: 's1', lost: 900 })")
    await page.click("#text")
    await page.type("Four?")
    await page.press("Enter")
    (asked,) = await page.run("world.socket.sent.filter(({ type }) => type === 'input.text')")
    accepted = {"turn_id": 40, "waiting": 0, "id": asked["id"]}
    await page.run(f"world.socket.say('input.accepted', {json.dumps(accepted)}, 1300)")
    turns.append({"turn_id": 40, "speaker": "human", "text": "Four?", "outcome": ""})
    await released(page, "GET /api/calls/s1", call)
    await page.until("captions.innerText.includes('One?')")
    assert await page.run(SAID) == [
        "you: One? ",
        "miku: First. done",
        "you: Two? ",
        "miku: … cond. ",
        "you: Three? ",
        "you: Four? ",
    ]
    await page.run("world.socket.say('assistant.response.final', { turn_id: 20, text: 'Second.' }, 1301)")
    assert "miku: Second. " in await page.run(SAID)
    assert await page.run("spoken.textContent") == "", "what was heard before is not told again"


async def test_captions_follow_her_unless_a_person_reads_further_up(page):
    await joined(page)
    long = "A line that is rather long, so that a few of them fill the list. " * 12
    at_end = "captions.scrollHeight - captions.scrollTop - captions.clientHeight < 2"
    for turn in range(1, 7):
        delta = {"turn_id": turn, "text": long, "first_char": 0}
        await page.run(f"world.socket.say('assistant.response.delta', {json.dumps(delta)})")
    assert await page.run(f"captions.scrollTop > 0 && {at_end}")
    await page.run("captions.scrollTop = 5")
    delta = {"turn_id": 6, "text": "More.", "first_char": len(long)}
    await page.run(f"world.socket.say('assistant.response.delta', {json.dumps(delta)})")
    assert await page.run("captions.scrollTop") == 5
    await page.click("#text")
    await page.type("hello")
    await page.press("Enter")
    assert await page.run(at_end), "what a person says is shown to them"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1000, 480), (844, 390), (390, 844)])
async def test_stop_can_be_reached_on_any_screen(page, width, height):
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )
    rows = "Array.from({ length: 40 }, (_, i) => ({ name: 'n' + i, state: 'ready', since_ms: 0 }))"
    await page.run(f"world.watch.tell({{ processes: {rows} }})")
    button = "document.getElementById('stop')"
    await page.run(f"{button}.scrollIntoView({{ block: 'nearest' }})")
    box = f"(({{ top, bottom }}) => [top, bottom, innerHeight])({button}.getBoundingClientRect())"
    top, bottom, seen = await page.run(box)
    assert 0 <= top < bottom <= seen
