// The page's side of WS v1 (docs/web-protocol.md): a session that outlives its connection.

const RETRY_S = [1, 2, 4, 8, 16];
const DEAD_MS = 45_000; // three pings missed
const KEPT = "miku.session"; // of this tab: a reload finds its session again
const FINAL = new Set([1000, 1008, 4409]); // closes that mean: do not come back

const socketUrl = (path) => new URL(path, location.href.replace(/^http/, "ws"));

/**
 * Events: `event` (detail: a server event), `sound` (detail: ArrayBuffer), `state` (detail: {name, ...}).
 * States: idle, joining, active, waiting {attempt, of, seconds}, lost {reason}.
 */
export class Link extends EventTarget {
  state = "idle";
  #socket = null;
  #session = "";
  #lastSeq = 0;
  #received = null;
  #attempt = 0;
  #wantsEnd = false;
  #timers = new Set();
  #life = 0;

  /** What the gateway calls the session; empty without one. */
  get session() { return this.#session; }

  /** Ask for a session. */
  join() {
    this.#reset();
    this.#set("joining");
    this.#connect("/ws");
  }

  /** Take up the session that this tab had before it was loaded anew; false if it had none. */
  resume() {
    this.#session = sessionStorage.getItem(KEPT) ?? "";
    if (!this.#session) return false;
    this.#wantsEnd = false;
    this.#attempt = 0;
    this.#set("joining");
    this.#reconnect();
    return true;
  }

  /** End the session: wanted, so nothing is tried again. */
  leave() {
    this.#wantsEnd = true;
    this.#clearTimers();
    const { readyState } = this.#socket ?? {};
    if (readyState === WebSocket.OPEN) {
      this.send({ type: "session.stop", reason: "client_requested" });
      this.#later(3_000, () => this.#socket?.close(1000));
    } else {
      if (this.#session) fetch(`/sessions/${this.#session}`, { method: "DELETE" }).catch(() => {});
      this.#socket?.close();
      this.#end();
    }
  }

  /** Try again after all tries have failed. */
  again() {
    this.#attempt = 0;
    this.#reconnect();
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  sendSound(samples) {
    if (this.#socket?.readyState === WebSocket.OPEN && this.state === "active") this.#socket.send(samples);
  }

  /** Sound of a turn came in up to a position: a resume goes on from there. */
  noteReceived(turn, positionMs) { this.#received = { turn_id: turn, position_ms: Math.round(positionMs) }; }

  #connect(path) {
    const socket = new WebSocket(socketUrl(path));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#hello();
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#watchLife();
      if (typeof data === "string") this.#take(JSON.parse(data));
      else this.dispatchEvent(new CustomEvent("sound", { detail: data }));
    };
    socket.onclose = ({ code }) => { if (socket === this.#socket) this.#closed(code); };
    this.#watchLife();
  }

  #hello() {
    const hello = { type: "hello", version: "v1" };
    if (this.#session) {
      hello.last_seq = this.#lastSeq;
      if (this.#received) hello.received = this.#received;
    }
    this.send(hello);
  }

  #take(event) {
    if (event.seq) this.#lastSeq = Math.max(this.#lastSeq, event.seq);
    switch (event.type) {
      case "hello.ack":
        if (!event.data.resumed) this.#start();
        break;
      case "session.started":
        this.#session = event.data.sessionId;
        sessionStorage.setItem(KEPT, this.#session);
        this.#active();
        break;
      case "session.resumed": this.#active(); break;
      case "session.stopped": this.#wantsEnd = true; break;
      case "ping": this.send({ type: "pong", ts: event.data.ts }); break;
      case "error":
        if (this.state === "joining" && !this.#session) this.#refused();
        break;
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  #start() {
    this.send({
      type: "session.start",
      audio: { encoding: "pcm_s16le", sample_rate_hz: 16_000, channels: 1 },
      metadata: { client: "page", output: { mode: "audio", sample_rate_hz: 48_000 } },
    });
  }

  #active() {
    this.#attempt = 0;
    this.#set("active");
  }

  #refused() {
    this.#wantsEnd = true;
    this.#socket.close(1000);
  }

  #closed(code) {
    this.#clearTimers();
    if (this.#wantsEnd || !this.#session) this.#end(this.#wantsEnd ? "" : "unreachable");
    else if (FINAL.has(code)) this.#end(code === 4409 ? "taken" : "refused");
    else this.#retry();
  }

  #retry() {
    if (this.#attempt === RETRY_S.length) {
      this.#set("lost", { reason: "unreachable" });
      return;
    }
    const seconds = RETRY_S[this.#attempt++];
    this.#set("waiting", { attempt: this.#attempt, of: RETRY_S.length, seconds });
    this.#later(seconds * 1000, () => this.#reconnect());
  }

  async #reconnect() {
    let answer;
    try {
      answer = await fetch(`/sessions/${this.#session}/reconnect`, { method: "POST" });
    } catch {
      this.#retry();
      return;
    }
    if (this.#wantsEnd) return;
    if (answer.ok) this.#connect((await answer.json()).websocket_url);
    else if (answer.status === 404) this.#end("over");
    else if (answer.status === 401 || answer.status === 403) this.#end("refused");
    else this.#retry();
  }

  /** A connection on which nothing comes for so long is dead, whatever the network says. */
  #watchLife() {
    this.#timers.delete(this.#life);
    clearTimeout(this.#life);
    this.#life = this.#later(DEAD_MS, () => {
      const socket = this.#socket;
      this.#socket = null;
      socket?.close();
      this.#closed(1006);
    });
  }

  #end(reason = "") {
    this.#reset();
    this.#set("idle", { reason });
  }

  #reset() {
    this.#clearTimers();
    sessionStorage.removeItem(KEPT);
    this.#session = "";
    this.#lastSeq = this.#attempt = 0;
    this.#received = null;
    this.#wantsEnd = false;
  }

  #set(name, more = {}) {
    this.state = name;
    this.dispatchEvent(new CustomEvent("state", { detail: { name, ...more } }));
  }

  #later(ms, what) {
    const timer = setTimeout(() => { this.#timers.delete(timer); what(); }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #clearTimers() {
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
  }
}
