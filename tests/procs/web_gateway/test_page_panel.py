"""The operator's window of the page: what stands there stays, keeps its focus, and grows older."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bus.messages import NodeState, Phase
from tests.browser.chromium import MISSING, PROGRAM, Chromium, Page
from tests.browser.world import WORLD, passes
from tests.procs.web_gateway.play import Play

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]

LINK = "document.querySelector('[data-process=bot_main] a')"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium, files: str) -> AsyncIterator[Page]:
    page = await browser.page(before=WORLD)
    await page.open(files)
    yield page
    await page.close()
    assert page.complaints == []


async def tell(page: Page, **sections: Any) -> None:
    """As `/watch` does."""
    await page.run(f"world.watch.tell({json.dumps(sections)})")


async def processes(page: Page, *names: str, state: str = "ready", **facts: str) -> None:
    """Rows of processes that came up 2 s ago, the bot with its facts."""
    since_ms = await page.run("Date.now() - 2000")
    row = {"state": state, "since_ms": since_ms, "loop_lag_ms": 0, "cause": "", "remedy": "", "detail": ""}
    rows = [{**row, "name": name, "facts": facts if name == "bot_main" else {}} for name in names]
    await tell(page, processes=rows)


def turn(number: int, *steps: str) -> dict[str, Any]:
    milestones = [
        {"stage": "llm_streamer", "kind": kind, "at_ms": 100 * at, "code": ""}
        for at, kind in enumerate(("prompt", *steps))
    ]
    return {"turn": number, "outcome": "", "milestones": milestones}


async def test_a_link_keeps_its_focus_and_takes_a_slow_click_while_figures_change(page):
    facts = {"invite": "https://discord.com/oauth2/authorize", "guilds": "1"}
    await processes(page, "bot_main", "llm_streamer", **facts)
    await page.run(f"window.link = {LINK}; link.onclick = () => {{ window.clicks = 1; return false; }}")
    await page.run("link.focus()")
    box = await page.run("(({ x, y }) => [x + 5, y + 5])(link.getBoundingClientRect())")
    at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
    await page.call("Input.dispatchMouseEvent", type="mousePressed", **at)
    await processes(page, "bot_main", "bus_proxy", "llm_streamer", **{**facts, "guilds": "2"})
    await page.call("Input.dispatchMouseEvent", type="mouseReleased", **at)
    assert await page.run("clicks") == 1
    assert await page.run("document.activeElement === link")
    assert await page.run("[...processes.children].map((row) => row.dataset.process)") == [
        "bot_main",
        "bus_proxy",
        "llm_streamer",
    ]
    await processes(page, "llm_streamer", "bot_main", state="degraded", guilds="2")
    rows = await page.run("processes.innerText")
    assert rows.split("\n") == [
        "llm_streamer degraded for 2 s",
        "bot_main degraded for 2 s",
        "guilds 2",
    ], "what is gone is gone"
    assert await page.run("attention.textContent") == "llm_streamer: degraded, bot_main: degraded"


async def test_what_a_person_opened_stays_open_and_what_they_closed_stays_closed(page):
    is_open = "[...turns.children].map((e) => [Number(e.dataset.turn), e.open])"
    await tell(page, turns=[turn(2), turn(1)])
    assert await page.run(is_open) == [[2, True], [1, False]]
    await page.click("[data-turn='1'] summary")
    await tell(page, turns=[turn(2, "first_token"), turn(1)])
    assert await page.run(is_open) == [[2, True], [1, True]]
    assert "first token\n100 ms" in await page.text("[data-turn='2'] .steps")
    assert (
        await page.run("document.querySelector(\"[data-turn='2'] li:last-child .bar\").style.width") == "95%"
    )
    await tell(page, turns=[turn(3), turn(2), turn(1)])
    assert await page.run(is_open) == [[3, True], [2, False], [1, True]], "the newest is opened for them"
    await page.click("[data-turn='3'] summary")
    await tell(page, turns=[turn(3, "first_token"), turn(2), turn(1)])
    assert await page.run(is_open) == [[3, False], [2, False], [1, True]]


async def test_times_go_on_while_nothing_changes(page):
    play = Play()
    await play.all_healthy()
    await play.session(Phase.ACTIVE)
    await play.house(is_open=False, queued=1)
    play.observer.look()
    view = play.observer.view()
    now_ms = await page.run("Date.now()")
    view["house"]["oldest_queued_ms"] = now_ms
    for row in (*view["sessions"], *view["processes"]):
        row["since_ms"] = now_ms
    await tell(page, **view)
    assert "the oldest for 0 s" in await page.text("#queue")
    await passes(page, 7_000)
    assert "the oldest for 7 s" in await page.text("#queue")
    assert "since 7 s" in await page.text("#sessions")
    assert "ready for 7 s" in await page.text("[data-process=bot_main]")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"status": 401},
            "This browser is not signed in, or no longer. Open the link that ./miku link prints.",
        ),
        ({"status": 503, "text": "Too many pages watch already.\n"}, "Too many pages watch already."),
        ("cut", "The gateway can't be reached."),
        ({"status": 502, "text": "<html>Bad Gateway</html>"}, "The gateway can't be reached."),
    ],
)
async def test_why_there_is_no_view_is_said_before_anybody_joins_and_it_comes_by_itself(page, answer, told):
    await page.run(f"world.answers['GET /watch'] = {json.dumps(answer)}")
    await page.run("world.watch.fail()")
    await page.until(f"document.getElementById('watch-state').innerText.includes({json.dumps(told)})")
    await page.run("world.answers['GET /watch'] = { status: 200 }")
    await passes(page, 5_000)
    await passes(page, 0)
    assert await page.run("world.watches") == 2
    await processes(page, "bot_main")
    assert await page.text("#watch-state") == ""
    assert NodeState.READY in await page.text("#processes")
