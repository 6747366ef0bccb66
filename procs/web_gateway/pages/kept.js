// What a browser remembers of its sessions, so that a page that is loaded anew goes on, and a new tab takes up what a
// closed one left. A tab that has a session holds a lock by its name: what is locked is taken from nobody.
import { ask } from "./door.js";

const PREFIX = "miku.session.";
const OWN = "miku.session"; // of this tab
const BEGUN = "begun";

const named = (id) => PREFIX + id;
const read = (id) => ({ id, begun: localStorage.getItem(named(id)) === BEGUN });

let held = "";
let release = () => {};

/** This tab has the session; `begun`: the gateway has said so. */
export function keep(id, begun) {
  sessionStorage.setItem(OWN, id);
  localStorage.setItem(named(id), begun ? BEGUN : "");
  hold(named(id));
}

/** The session of this tab is over. */
export function forget() {
  const id = sessionStorage.getItem(OWN);
  if (id) localStorage.removeItem(named(id));
  handOver();
}

/** Another tab has the session now. */
export function handOver() {
  sessionStorage.removeItem(OWN);
  held = "";
  release();
}

/** The session that this tab had before it was loaded anew; null if it had none. */
export function own() {
  const id = sessionStorage.getItem(OWN);
  return id ? read(id) : null;
}

/** A session of this browser whose tab was closed and that the gateway still waits for; null without any. */
export async function orphan() {
  const locks = (await navigator.locks?.query())?.held ?? []; // there are locks for https and localhost only
  const taken = new Set(locks.map(({ name }) => name));
  const left = Object.keys(localStorage).filter((name) => name.startsWith(PREFIX) && !taken.has(name));
  for (const name of left) {
    const id = name.slice(PREFIX.length);
    const answer = await ask(`/api/calls/${id}`);
    const { status } = answer?.ok ? await answer.json().catch(() => ({})) : {};
    if (status === "detached") return read(id);
    if (status === "ended" || answer?.status === 404) localStorage.removeItem(name);
  }
  return null;
}

function hold(name) {
  if (name === held) return;
  release();
  held = name;
  const stop = new AbortController(); // it may still wait behind another tab
  const isReleased = new Promise((resolve) => { release = () => { resolve(); stop.abort(); }; });
  navigator.locks?.request(name, { signal: stop.signal }, () => isReleased).catch(() => {});
}
