"""The page's own modules, run where they live: in a browser. No gateway is needed for them."""

import json

import pytest

from bus.messages import NodeState, Phase
from tests.browser.chromium import MISSING, PROGRAM
from tests.procs.web_gateway.play import Play

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM, reason=MISSING),
    pytest.mark.asyncio(loop_scope="module"),
]


JITTER = """
const buffer = new m.JitterBuffer(48000, 150);
const out = new Float32Array(960);
const heard = [];
const pull = () => {
  buffer.pull(out);
  heard.push(out.some((v) => v !== 0) ? Math.round(out[0] * 32768) : 0);
};
const push = (i) => buffer.push(7, i * 20, new Int16Array(960).fill(100 + i));
for (let i = 0; i < 7; i++) push(i);
pull();
push(7);
for (let i = 0; i < 9; i++) pull();
const dry = { underruns: buffer.underruns, positionMs: buffer.positionMs, turn: buffer.turn };
push(8); push(9); pull();
buffer.end(); pull(); pull(); pull();
const done = { underruns: buffer.underruns, buffered: buffer.bufferedMs };
for (let i = 10; i < 20; i++) push(i);
pull();
buffer.flush();
buffer.pull(out);
const fade = [out[0] > 0, Math.abs(out[959]) < 1e-6];
for (let i = 0; i < 20; i++) pull();
return { heard, dry, done, fade, after: heard.slice(-20) };
"""


async def test_sound_waits_for_150_ms_plays_without_loss_and_waits_again_when_it_runs_dry(page):
    told = await page.module("jitter.js", JITTER)
    assert told["heard"][:10] == [0, 100, 101, 102, 103, 104, 105, 106, 107, 0], (
        "140 ms are too little, 160 do"
    )
    assert told["dry"] == {"underruns": 1, "positionMs": 160, "turn": 7}
    assert told["heard"][10:14] == [0, 108, 109, 0], "the end of a turn does not wait for more"
    assert told["done"] == {"underruns": 1, "buffered": 0}
    assert told["fade"] == [True, True], "no click"
    assert told["after"] == [0] * 20, "nothing of what was flushed"


CAPTION = """
const c = new m.Caption(1);
c.add(0, "Hi 🎵 the"); c.add(8, "re, you."); c.add(8, "re, you.");
c.addMarks(0, [{start_ms: 0, first_char: 0, end_char: 3}, {start_ms: 300, first_char: 5, end_char: 11}]);
const seen = [c.parts()];
c.reached(0); seen.push(c.parts());
c.reached(299); c.reached(300); c.reached(10); seen.push(c.parts());
c.cut(5); c.reached(9000); seen.push(c.parts());
const d = new m.Caption(2); d.add(0, "All of it"); d.end("done", 0, ""); seen.push(d.parts());
const f = new m.Caption(3); f.add(0, "Some of it"); f.end("failed", 4, "why"); seen.push(f.parts());
return seen.map((p) => [p.heard, p.coming, p.cut]);
"""


async def test_captions_tell_what_was_heard_is_coming_and_was_cut(page):
    text = "Hi 🎵 there, you."
    assert await page.module("captions.js", CAPTION) == [
        ["", text, ""],
        ["Hi ", text[3:], ""],
        [text[:11], text[11:], ""],
        [text[:5], "", text[5:]],
        ["All of it", "", ""],
        ["Some", "", " of it"],
    ]


FORGOTTEN = """
const c = new m.Caption(1), seen = [];
c.add(5, "🎵 more "); c.add(12, "of it.");
c.addMarks(3, [{start_ms: 300, first_char: 5, end_char: 6}, {start_ms: 500, first_char: 7, end_char: 11}]);
c.reached(500); seen.push(c.parts());
c.addMarks(4, [{start_ms: 600, first_char: 7, end_char: 11}]);
c.whole("Hear 🎵 more of it."); c.reached(599); seen.push(c.parts());
c.whole(""); c.end("done", 0, ""); seen.push(c.parts());
return seen.map((p) => [p.heard, p.coming]);
"""


async def test_a_caption_whose_beginning_is_forgotten_keeps_its_places(page):
    assert await page.module("captions.js", FORGOTTEN) == [
        ["… 🎵 more", " of it."],
        ["Hear 🎵 more", " of it."],
        ["Hear 🎵 more of it.", ""],
    ]


MARKED = """
const element = document.createElement("p");
const shown = ["End it (`./miku leave`).", "<b>`a` and `b`", "one ` alone", ""].map((text) => {
  m.tell(element, text); return element.innerHTML; });
m.tell(element, "Ask `./miku link`."); const [before] = element.childNodes;
m.tell(element, "Ask `./miku link`.");
return [shown, before === element.childNodes[0]];
"""


async def test_commands_in_a_sentence_are_set_as_code(page):
    shown, is_told_once = await page.module("dom.js", MARKED)
    assert shown == [
        "End it (<code>./miku leave</code>).",
        "&lt;b&gt;<code>a</code> and <code>b</code>",
        "one ` alone",
        "",
    ]
    assert is_told_once, "a screen reader is not told the same again"


async def test_a_long_name_is_broken_behind_its_dots_and_underscores_only(page):
    told = "const e = document.createElement('p'); e.append(...m.breakable('report.health.bot_main'));"
    assert await page.module("dom.js", f"{told} return [e.textContent, e.innerHTML.split('<wbr>')];") == [
        "report.health.bot_main",
        ["report.", "health.", "bot_", "main", ""],
    ]


CONTRAST = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255]; };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + .05) / (y + .05);
  };
  document.querySelectorAll('[hidden]').forEach((e) => { e.hidden = false; });
  document.querySelectorAll('details').forEach((e) => { e.open = true; });
  const names = "heard coming cut failed who quiet is-good is-warn is-bad notice".split(" ");
  for (const name of names) {
    const e = document.createElement('span');
    e.className = e.textContent = name;
    document.getElementById('captions').append(e);
  }
  document.querySelectorAll('button, input').forEach((e) => { e.disabled = ENABLED; });
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.tagName !== 'INPUT') continue;
    const r = ratio(rgb(getComputedStyle(e).color), ground(e));
    if (r < 4.5) poor.push(`${e.tagName}.${e.className || e.id}: ${r.toFixed(2)}`);
  }
  return poor;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_has_a_contrast_of_4_5_to_1(page, scheme):
    await page.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    for disabled in ("false", "true"):
        assert await page.run(CONTRAST.replace("ENABLED", disabled)) == []


NAMELESS = """
[...document.querySelectorAll('button, input, meter, [role], section, aside, details')].filter((e) => {
  const ids = (e.getAttribute('aria-labelledby') ?? '').split(' ');
  const labels = [...ids.map((id) => document.getElementById(id)), ...(e.labels ?? [])];
  const name = e.getAttribute('aria-label') || labels.map((l) => l?.textContent ?? '').join('')
    || (e.matches('button, details, [role=alert], [role=status]') ? e.textContent || 'live' : '');
  return !name.trim();
}).map((e) => e.outerHTML.slice(0, 80))
"""


async def test_everything_has_a_name_for_screen_readers_and_a_phone_needs_no_sideways_scrolling(page):
    assert await page.run(NAMELESS) == []
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True
    )
    assert await page.until("innerWidth === 360 && document.documentElement.scrollWidth") <= 360


SHOW = """
(async (view) => {
  window.EventSource = class extends EventTarget {
    constructor() { super(); window.source = this; }
    close() {}
  };
  (await import('/panel.js')).watch();
  source.dispatchEvent(new MessageEvent('snapshot', { data: JSON.stringify(view) }));
})(VIEW)
"""


async def test_the_operator_reads_what_is_wrong_why_and_until_when(page):
    play = Play()
    await play.all_healthy()
    await play.health("llm_streamer", NodeState.DEGRADED, "llm_unreachable")
    await play.session(Phase.ACTIVE)
    await play.house(is_open=False, queued=2)
    await play.settings("web_gateway", web__api_key="***")
    play.observer.look()
    play.bus.fake_clock.advance_ms(2_000)
    await page.run(SHOW.replace("VIEW", json.dumps(play.observer.view())))
    assert "degraded" in await page.text("[data-process=llm_streamer]")
    assert "llm.base_url" in await page.text("[data-process=llm_streamer]"), "the remedy"
    feature = await page.text("[data-feature=image_generation]")
    assert "Image generation" in feature
    assert "blocked" in feature
    assert "a voice session runs, until the session ends" in feature
    assert await page.text("#mood") == "Miku · mood: happy"
    assert "2 text messages wait" in await page.text("#queue")
    assert "active" in await page.text("#sessions")
    shown = await page.run("document.getElementById('settings').textContent")
    assert "web.api_key***" in shown
    rates = await page.run("document.getElementById('rates').textContent")
    assert "report.house" in rates


async def test_the_content_security_policy_is_kept(page):
    """What fails without a gateway is the network alone: nothing the policy has refused."""
    assert [c for c in page.complaints if "Policy" in c or "Failed to load resource" not in c] == []
