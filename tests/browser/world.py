"""The page without a gateway: its clock, its network and the operator's window are the test's to move.

`WORLD` runs in a tab before the page does. Time stands still but for `world.pass(ms)`, a request hangs (in
`world.hanging`) unless `world.answers` has its answer, a WebSocket does what `world.socket` is told to do.
"""

from tests.browser.chromium import Page

WORLD = """
window.world = { sockets: [], requests: [], answers: { "GET /api/me": { status: 200 } }, hanging: {} };
(() => {
  let now = 0, ids = 0;
  const began = Date.now(), timers = new Map();
  const add = (what, ms = 0, every = 0) => { timers.set(++ids, { at: now + ms, what, every }); return ids; };
  const turn = setTimeout.bind(window);
  const settle = () => new Promise((resolve) => turn(resolve, 0));
  window.setTimeout = (what, ms) => add(what, ms);
  window.setInterval = (what, ms) => add(what, ms, ms);
  window.clearTimeout = window.clearInterval = (id) => { timers.delete(id); };
  Date.now = () => began + now;
  performance.now = () => now;
  AbortSignal.timeout = (ms) => {
    const control = new AbortController();
    add(() => control.abort(new DOMException("", "TimeoutError")), ms);
    return control.signal;
  };
  world.pass = async (ms) => {
    const end = now + ms;
    for (await settle();; await settle()) {
      const due = [...timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      const [id, timer] = due;
      now = timer.at;
      if (timer.every) timer.at += timer.every; else timers.delete(id);
      timer.what();
    }
    now = end;
  };
  window.fetch = (path, { method = "GET", signal } = {}) => new Promise((resolve, reject) => {
    const name = `${method} ${path}`, answer = world.answers[name];
    world.requests.push(name);
    signal?.addEventListener("abort", () => reject(signal.reason));
    const take = (told) => told === "cut" ? reject(new TypeError("Failed to fetch"))
      : resolve(new Response(told.text ?? JSON.stringify(told.body ?? {}), { status: told.status }));
    if (answer) take(answer); else world.hanging[name] = take;
  });
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    sent = [];
    sounds = 0;
    constructor(url) { this.url = String(url); world.sockets.push(this); }
    send(data) { if (typeof data === "string") this.sent.push(JSON.parse(data)); else this.sounds += 1; }
    close(code = 1005) { this.break(code); }
    open() { if (!this.readyState) { this.readyState = 1; this.onopen(); } }
    say(type, data = {}, seq = 0) {
      if (this.readyState === 1) this.onmessage({ data: JSON.stringify({ type, data, seq }) });
    }
    break(code = 1006) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      Promise.resolve().then(() => this.onclose({ code }));
    }
    /** As the gateway begins a session. */
    start(id = "s1") {
      this.open();
      this.say("hello.ack", { sessionId: id, resumed: false });
      this.say("session.started", { sessionId: id }, 1);
      this.say("config.resolved", { webrtc: false }, 2);
    }
    /** As the gateway takes one up again. */
    resume(id = "s1", lost = 0) {
      this.open();
      this.say("hello.ack", { sessionId: id, resumed: true });
      this.say("session.resumed", { sessionId: id, replayed: 0, lost }, 3);
    }
  };
  window.EventSource = class extends EventTarget {
    static CLOSED = 2;
    readyState = 1;
    constructor() { super(); world.watch = this; world.watches = (world.watches ?? 0) + 1; }
    close() { this.readyState = 2; }
    tell(view) { this.dispatchEvent(new MessageEvent("change", { data: JSON.stringify(view) })); }
    fail() { this.readyState = 2; this.onerror?.(new Event("error")); }
  };
  Object.defineProperty(world, "socket", { get: () => world.sockets.at(-1) });
})();
"""

RECONNECT = {"status": 200, "body": {"websocket_url": "/ws?resume=t"}}


async def joined(page: Page) -> None:
    """Press Join, and let the gateway begin a session."""
    await page.click("#join")
    await page.until("world.sockets.length")
    await page.run("world.socket.start()")
    await page.until("state.textContent === 'listening' && !text.disabled")


async def passes(page: Page, ms: int) -> None:
    """Let time go by."""
    await page.run(f"world.pass({ms})")


async def banner(page: Page) -> str:
    """What the banner says; empty while there is none."""
    return str(await page.run("banner.hidden ? '' : banner.innerText"))
