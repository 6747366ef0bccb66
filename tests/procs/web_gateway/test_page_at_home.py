"""The page beside a Discord: what stands back and waits, sound by WebRTC, a session whose time is over."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Iterator
from difflib import SequenceMatcher

import numpy as np
import pytest
import pytest_asyncio

from tests.browser.chromium import MISSING, PROGRAM, Chromium, Page, chromium
from tests.browser.proxy import Proxy, port_of
from tests.browser.visitor import LAST, ask, enter, heard_whole, leave, link, newest_turn, page_port
from tests.discord.tone_reader import letters, read
from tests.e2e.discord_home import ANSWER, SYMBOL_MS, DiscordHome, discord_home

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]

RESUME_S = 5

ALIKE = 0.8
"""A browser stretches the sound where packets come late, which spoils a letter or two on a busy machine."""

TAP = """
window.tap = { pcm: [] };
const { RTCPeerConnection: Real } = window;
window.RTCPeerConnection = class extends Real {
  constructor(...args) {
    super(...args);
    this.addEventListener("track", async ({ track }) => {
      const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const options = { planeIndex: 0, format: "f32-planar" };
        const samples = new Float32Array(value.allocationSize(options) / 4);
        value.copyTo(samples, options);
        tap.rate = value.sampleRate;
        tap.pcm.push(Int16Array.from(samples, (one) => Math.max(-1, Math.min(1, one)) * 32767));
        value.close();
      }
    });
  }
};
"""
"""Keeps what the browser's own decoder makes of the track."""

HEARD = """
tap.pcm.map((part) => {
  let text = ""; for (const byte of new Uint8Array(part.buffer)) text += String.fromCharCode(byte);
  return btoa(text); })
"""


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Where the proxy will be; the stack must know its port from the start."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Iterator[DiscordHome]:
    settings = {
        "MIKU_WEB__RESUME_S": str(RESUME_S),
        "MIKU_WEB__WEBRTC": "true",
        "MIKU_WEB__HOSTS": f"127.0.0.1:{port_of(listener)}",
    }
    with discord_home(tmp_path_factory.mktemp("page"), **settings) as home:
        yield home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium("--autoplay-policy=no-user-gesture-required") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Chromium) -> AsyncIterator[Page]:
    page = await browser.page(before=TAP)
    yield page
    if await page.run("!document.getElementById('leave').hidden"):
        await leave(page)
    await page.close()


async def test_what_stands_back_and_waits_in_discord_is_shown(page, home):
    await page.open(link(home.stack, page_port(home.stack)))
    await page.until("document.querySelectorAll('[data-feature][data-open=true]').length === 8")
    assert "Miku" in await page.text("#mood")
    invitation = await page.run("document.querySelector('[data-process=bot_main] a').href")
    assert invitation.startswith("https://discord.com/oauth2/authorize?")
    assert "0 text messages wait" in await page.text("#queue")
    await page.click("#join")
    await page.until("state.textContent === 'listening'")
    await page.until("document.querySelectorAll('[data-feature][data-open=false]').length === 8")
    drawing = await page.text("[data-feature=drawing]")
    assert drawing.split("\n") == ["Image generation blocked", "a voice session runs, until the session ends"]
    asked = home.says(f"{home.bot.mention()} how are you?")
    await page.until("queue.innerText.startsWith('1 text message waits for the end of the session')")
    assert "queued" in await page.text("[data-feature=text_chat]")
    await page.until("queue.innerText.includes('the oldest for')")
    async with asyncio.timeout(20):
        while "🎤" not in home.reactions(asked):
            await asyncio.sleep(0.05)
    assert home.replies(asked) == []
    await leave(page)
    await page.until("queue.innerText.startsWith('0 text messages wait')", 30)
    await page.until("document.querySelectorAll('[data-feature][data-open=true]').length === 8")
    async with asyncio.timeout(20):
        while not home.replies(asked):
            await asyncio.sleep(0.05)


async def test_the_settings_of_every_process_are_shown_and_no_secret(page, home):
    await page.open(link(home.stack, page_port(home.stack)))
    await page.until("document.querySelectorAll('#settings tr').length > 60")
    cells = "[...settings.rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    rows = await page.run(f"Object.fromEntries({cells})")
    assert rows["discord.token"] == "***"
    assert rows["web.resume_s"] == str(RESUME_S)
    assert rows["state_dir"] == str(home.stack.state_path)
    assert {name.partition(".")[0] for name in rows} >= {"bot", "llm", "tts", "llm_server", "guardian", "bus"}
    assert home.token not in str(rows)


async def test_her_voice_by_webrtc_is_heard_and_told(page, home):
    await enter(page, home.stack)
    await page.click("#direct")
    await page.until("document.getElementById('direct').checked && tap.pcm.length")
    await ask(page)
    turn = await newest_turn(page)
    await page.until("state.textContent === 'speaking'")
    await heard_whole(page, turn)
    assert await page.run("tap.rate") == 48_000
    parts = await page.run(HEARD)
    heard = np.concatenate([np.frombuffer(base64.b64decode(part), "<i2") for part in parts])
    said = SequenceMatcher(None, letters(read(heard, SYMBOL_MS)), letters(ANSWER), autojunk=False)
    assert said.ratio() > ALIKE
    assert await page.run(f"document.querySelector('{LAST} .heard').textContent") == ANSWER
    await ask(page)
    await page.until(f"document.querySelector('{LAST} .heard')?.textContent.length > 8")
    await page.press("Escape")
    await page.until(f"document.querySelector('{LAST}').dataset.outcome === 'cut'")
    await page.click("#direct")
    await ask(page)
    await page.until(f"Number(document.querySelector('{LAST}').dataset.turn) > {turn + 1}")
    await page.until("Number.parseInt(buffered.textContent) > 0")  # the usual way again


async def test_a_session_is_taken_up_within_its_time_and_not_after(page, home, listener):
    async with Proxy(page_port(home.stack), listener) as proxy:
        await enter(page, home.stack, proxy.port)
        proxy.cut()
        await page.until("document.getElementById('banner').innerText.includes('try 1 of 5')")
        proxy.mend()
        await page.until("state.textContent === 'listening'")
        proxy.cut()
        await page.until("document.getElementById('banner').innerText.includes('try 1 of 5')")
        async with asyncio.timeout(RESUME_S + 20):
            while await asyncio.to_thread(home.session):
                await asyncio.sleep(0.1)
        proxy.mend()
        await page.until("notice.innerText.includes('The session has ended meanwhile')", 30)
        assert await page.run("!join.hidden && banner.hidden && state.textContent === 'idle'")
