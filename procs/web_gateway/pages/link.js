// The page's side of WS v1 (docs/web-protocol.md): a session that outlives its connection.

import { ask, refusal } from "./door.js";
import { forget, handOver, keep, orphan, own } from "./kept.js";

const RETRY_S = [1, 2, 4, 8, 16];
const OPEN_MS = 10_000; // a connection that is not made by then never will be
const DEAD_MS = 45_000; // three pings missed
const BROKEN = 1006;
const TAKEN = 4409;
const FINAL = new Set([1000, 1008]); // closes that mean: do not come back

const socketUrl = (path) => new URL(path, location.href.replace(/^http/, "ws"));

/**
 * Events: `event` (detail: a server event), `sound` (detail: ArrayBuffer), `state` (detail: {name, ...}).
 * States: idle {reason}, joining, active {isTakenUp}, waiting {attempt, of, seconds}, trying {attempt, of}, lost.
 */
export class Link extends EventTarget {
  state = "idle";
  #socket = null;
  #session = "";
  #hasBegun = false;
  #isTakenUp = false;
  #lastSeq = 0;
  #received = null;
  #attempt = 0;
  #wantsEnd = false;
  #underWay = null;
  #timers = new Set();
  #life = 0;

  /** What the gateway calls the session; empty without one. */
  get session() { return this.#session; }

  /** Ask for a session, or take up the one of a tab that was closed. */
  async join() {
    this.#reset();
    this.#set("joining");
    const isWanted = this.#begin();
    const reason = await refusal();
    const left = reason ? null : await orphan();
    if (!isWanted()) return;
    if (reason) this.#end(reason);
    else if (left) this.#takeUp(left, () => this.#joinAnew());
    else this.#connect("/ws");
  }

  /** Take up the session that this tab had before it was loaded anew; false if it had none. */
  resume() {
    const kept = own();
    if (!kept) return false;
    this.#set("joining");
    this.#takeUp(kept);
    return true;
  }

  /** End the session: wanted, so nothing is tried again. */
  leave() {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#wantsEnd = true;
      this.#clearTimers();
      this.send({ type: "session.stop", reason: "client_requested" });
      this.#later(3_000, () => this.#hangUp());
    } else this.#hangUp();
  }

  #hangUp() {
    if (this.#session) ask(`/sessions/${this.#session}`, { method: "DELETE", keepalive: true });
    this.#end();
  }

  /** Try again after all tries have failed. */
  again() {
    this.#attempt = 1;
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
      this.#watchLife(DEAD_MS);
      if (typeof data === "string") this.#take(JSON.parse(data));
      else this.dispatchEvent(new CustomEvent("sound", { detail: data }));
    };
    socket.onclose = ({ code }) => { if (socket === this.#socket) this.#closed(code); };
    this.#watchLife(OPEN_MS);
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
        if (!event.data.resumed) this.#start(event.data.sessionId);
        break;
      case "session.started":
        this.#active();
        break;
      case "session.resumed":
        if (this.#hasBegun || event.data.lost) this.#active();
        else this.#set("joining");
        break;
      case "session.stopped": this.#wantsEnd = true; break;
      case "ping": this.send({ type: "pong", ts: event.data.ts }); break;
      case "error":
        if (!this.#hasBegun) this.#refused();
        break;
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  #start(session) {
    this.#session = session;
    keep(session, false);
    this.send({
      type: "session.start",
      audio: { encoding: "pcm_s16le", sample_rate_hz: 16_000, channels: 1 },
      metadata: { client: "page", output: { mode: "audio", sample_rate_hz: 48_000 } },
    });
  }

  #active() {
    this.#hasBegun = true;
    keep(this.#session, true);
    this.#attempt = 0;
    this.#set("active", { isTakenUp: this.#isTakenUp });
    this.#isTakenUp = false;
  }

  #refused() {
    this.#wantsEnd = true;
    this.#socket.close(1000);
  }

  #closed(code) {
    this.#clearTimers();
    if (this.#wantsEnd && code === BROKEN) this.#hangUp(); // the gateway may not have heard of it
    else if (this.#wantsEnd || !this.#session) this.#end(this.#wantsEnd ? "" : "unreachable");
    else if (code === TAKEN) {
      handOver();
      this.#end("taken");
    } else if (FINAL.has(code)) this.#end("refused");
    else this.#retry();
  }

  #retry() {
    if (this.#attempt === RETRY_S.length) {
      this.#set("lost");
      return;
    }
    const seconds = RETRY_S[this.#attempt++];
    this.#set("waiting", { attempt: this.#attempt, of: RETRY_S.length, seconds });
    this.#later(seconds * 1000, () => this.#reconnect());
  }

  #takeUp({ id, begun }, orElse) {
    this.#session = id;
    this.#hasBegun = begun;
    this.#isTakenUp = true;
    keep(id, begun);
    this.#reconnect(orElse);
  }

  #joinAnew() {
    this.#reset();
    this.#connect("/ws");
  }

  /** Come back; `orElse` is called with the reason if there is nothing to come back to. */
  async #reconnect(orElse = (reason) => this.#end(reason)) {
    if (this.#attempt) this.#set("trying", { attempt: this.#attempt, of: RETRY_S.length });
    const isWanted = this.#begin();
    const answer = await ask(`/sessions/${this.#session}/reconnect`, { method: "POST" });
    const address = answer?.ok ? await answer.json().catch(() => null) : null;
    if (!isWanted()) return;
    if (address) this.#connect(address.websocket_url);
    else if (answer?.status === 404) orElse("over");
    else if (answer?.status === 401 || answer?.status === 403) orElse("refused");
    else this.#retry();
  }

  /** Something is under way that takes its time; returns whether it is still wanted. */
  #begin() {
    const mine = this.#underWay = Symbol("under way");
    return () => mine === this.#underWay;
  }

  /** A connection on which nothing comes for so long is dead, whatever the network says. */
  #watchLife(ms) {
    this.#timers.delete(this.#life);
    clearTimeout(this.#life);
    this.#life = this.#later(ms, () => {
      this.#drop();
      this.#closed(BROKEN);
    });
  }

  #end(reason = "") {
    this.#reset();
    this.#set("idle", { reason });
  }

  #reset() {
    this.#clearTimers();
    this.#drop();
    forget();
    this.#session = "";
    this.#lastSeq = this.#attempt = 0;
    this.#received = this.#underWay = null;
    this.#wantsEnd = this.#hasBegun = this.#isTakenUp = false;
  }

  /** What the connection still says is not for us. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
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
