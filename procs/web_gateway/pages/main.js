// The page: connects the link, the sound, the captions and the keys.
import { banner, countDown } from "./banner.js";
import { Conversation } from "./conversation.js";
import { Direct } from "./direct.js";
import { byId, say, tell } from "./dom.js";
import { ask, NOT_SIGNED_IN, refusal, UNREACHABLE } from "./door.js";
import { Link } from "./link.js";
import { watch } from "./panel.js";
import { Microphone, Player } from "./sound.js";
import { Talk } from "./talk.js";

const PLAYED_EVERY_MS = 200;
const MUTED = "The browser keeps the page silent until you click or press a key.";
const DOUBLE_CLICK_MS = 500; // Leave takes Join's place: it is not meant by a second click
const ENDS = {
  over: "The session has ended meanwhile. Join for a new one.",
  taken: "The session goes on in another window.",
  refused: NOT_SIGNED_IN,
  unreachable: UNREACHABLE,
};

const link = new Link();
const conversation = new Conversation();
const direct = new Direct(onReport, () => directFailed("The connection by WebRTC broke."));
const player = new Player((report) => { if (!direct.isCarrying) onReport(report); });
const microphone = new Microphone((samples) => link.sendSound(samples), (peak) => { byId("your-level").value = peak; });
const talk = new Talk(microphone, () => link.state === "active", (message) => notice(message));

const turns = { open: new Set(), sounding: 0, cut: 0 };
let position = { turn: 0, positionMs: 0 };
let played = { ...position, atMs: 0 };
let playing = false;
let joinedAtMs = -Infinity;

// --- what the page says ------------------------------------------------------------------------------------------------

function showState() {
  const busy = turns.open.size ? "thinking" : "listening";
  const away = { idle: "idle", joining: "joining", waiting: "reconnecting", trying: "reconnecting", lost: "reconnecting" };
  const name = away[link.state] ?? (playing ? "speaking" : busy);
  byId("state").dataset.state = name;
  say(byId("state"), name);
}

const notice = (text) => tell(byId("notice"), text);

function showControls() {
  const active = link.state === "active";
  const out = link.state === "idle";
  byId("join").hidden = !out;
  byId("leave").hidden = out;
  for (const id of ["text", "send", "stop", "hold", "open-mic", "direct"]) byId(id).disabled = !active;
}

function onState({ detail }) {
  if (detail.name === "waiting" || detail.name === "trying") countDown(detail);
  else if (detail.name === "lost") banner("Five tries to reconnect have failed.", "Try again", () => link.again());
  else if (detail.name !== "active") banner("");
  else showSound(player.context?.state);
  if (detail.name !== "active") talk.letGo(); // a button that is switched off is not told that it was let go
  showControls();
  if (detail.name === "idle") ended(detail.reason);
  if (detail.isTakenUp) recall(link.session);
  showState();
  if (detail.name === "active" && document.activeElement === document.body) byId("text").focus();
}

function ended(reason) {
  talk.close();
  closeDirect();
  player.flush();
  turns.open.clear();
  playing = false;
  if (reason) notice(ENDS[reason]);
  byId("join").focus();
}

/** What was said before this page was there. */
async function recall(call) {
  const answer = await ask(`/api/calls/${call}`);
  const { turns: entries = [] } = answer?.ok ? await answer.json().catch(() => ({})) : {};
  if (link.session === call) conversation.recall(entries);
}

function showSound(state) {
  if (link.state !== "active") return;
  if (state === "suspended") banner(MUTED, "Let me hear her", () => openSound());
  else banner("");
}

const openSound = () => player.open(showSound).catch(() => notice("This browser can't play her voice here."));

// --- what the gateway says ---------------------------------------------------------------------------------------------

const EVENTS = {
  "config.resolved": ({ webrtc }) => { byId("direct-row").hidden = !webrtc; },
  "input.accepted"({ turn_id: turn, waiting, id }) {
    turns.open.add(turn);
    conversation.accepted(id, turn);
    if (waiting) notice(waiting === 1 ? "One prompt is answered first." : `${waiting} prompts are answered first.`);
  },
  "assistant.response.delta"({ turn_id: turn, text, first_char: first }) {
    conversation.of(turn).add(first, text);
    conversation.show(turn);
  },
  "assistant.response.final"({ turn_id: turn, text }) {
    conversation.of(turn).whole(text);
    conversation.show(turn);
  },
  "output.captions"({ turn_id: turn, first_index: first, marks }) {
    conversation.of(turn).addMarks(first, marks);
    conversation.show(turn);
  },
  "output.audio.start"({ turn_id: turn, position_ms: positionMs }) {
    turns.sounding = turn;
    player.begin(turn, positionMs);
    if (direct.isCarrying && turn > turns.cut) direct.begin(turn, positionMs);
  },
  "output.audio.end"({ position_ms: positionMs }) {
    player.end();
    if (direct.isCarrying && turns.sounding > turns.cut) direct.end(positionMs);
  },
  "response.interrupted"({ turn_id: turn, heard_chars: heard }) {
    turns.cut = Math.max(turns.cut, turn);
    silence();
    conversation.of(turn).cut(heard);
    conversation.show(turn);
  },
  "turn.ended": onTurnEnded,
  "input.audio.unrecognised": ({ message }) => notice(message),
  "session.stopped"({ reason, message }) {
    notice(reason === "client_requested" ? "You have left." : message || `The session has ended: ${reason}.`);
  },
  "error": ({ message }) => notice(message),
};

function onTurnEnded({ turn_id: turn, outcome, heard_chars: heard, message }) {
  turns.open.delete(turn);
  const caption = conversation.of(turn);
  if (outcome !== "done" || played.turn !== turn || !playing) finish(caption, outcome, heard, message);
  else caption.finish = () => finish(caption, outcome, heard, message); // its last words still sound here
  if (outcome === "failed") notice(message);
}

function finish(caption, outcome, heard, message) {
  caption.finish = null;
  caption.end(outcome, heard, outcome === "failed" ? message : "");
  conversation.show(caption.turn);
}

link.addEventListener("event", ({ detail: { type, data } }) => {
  EVENTS[type]?.(data);
  showState();
});

link.addEventListener("sound", ({ detail: samples }) => {
  if (turns.sounding <= turns.cut) return; // what was under way when it was cut
  player.frame(samples);
  link.noteReceived(player.turn, player.positionMs);
});

link.addEventListener("state", onState);

/** The audio thread says where it is. */
function onReport({ turn, positionMs, bufferedMs, underruns, playing: sounds, peak }) {
  byId("her-level").value = peak;
  say(byId("buffered"), `${Math.round(bufferedMs)} ms`);
  say(byId("underruns"), String(underruns));
  if (sounds !== playing) {
    playing = sounds;
    showState();
  }
  if (!turn || turn <= turns.cut) return;
  const caption = conversation.of(turn);
  caption.reached(positionMs);
  if (!sounds && caption.finish) caption.finish();
  conversation.show(turn);
  position = { turn, positionMs: Math.round(positionMs) };
  tellPlayed(sounds);
}

/** Tell how far the sound was heard: now and then while it sounds, and exactly at its end. */
function tellPlayed(isUnderWay) {
  const { turn, positionMs } = position;
  const now = performance.now();
  if (turn === played.turn && positionMs === played.positionMs) return;
  if (turn === played.turn && isUnderWay && now - played.atMs < PLAYED_EVERY_MS) return;
  played = { turn, positionMs, atMs: now };
  link.send({ type: "output.audio.played", turn_id: turn, position_ms: positionMs });
}

// --- what the person does ----------------------------------------------------------------------------------------------

function join() {
  if (link.state !== "idle") return;
  notice("");
  conversation.clear();
  openSound();
  joinedAtMs = performance.now();
  link.join();
}

function leave() {
  if (performance.now() - joinedAtMs > DOUBLE_CLICK_MS) link.leave();
}

function sayPrompt(event) {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text || link.state !== "active") return;
  notice("");
  const id = `${Date.now()}-${link.session}`;
  conversation.asked(text, id);
  link.send({ type: "input.text", text, id });
  byId("text").value = "";
}

/** Silence at once here; the gateway makes it true everywhere. */
function stop() {
  if (link.state !== "active") return;
  turns.cut = Math.max(turns.cut, turns.sounding);
  silence();
  if (playing) tellPlayed(false);
  link.send({ type: "response.cancel", graceful: false });
}

function silence() {
  player.flush();
  direct.flush();
}

/** The sound takes the other way, or comes back. */
async function switchDirect() {
  if (!byId("direct").checked) {
    closeDirect();
    return;
  }
  try {
    await direct.open(link.session);
  } catch (error) {
    directFailed(`WebRTC can't be used here: ${error.message}`);
  }
}

function closeDirect() {
  direct.close();
  byId("direct").checked = false;
}

function directFailed(why) {
  closeDirect();
  notice(`${why} Her voice comes by the usual way.`);
}

/** Nobody should have to press Join to learn that it is of no use. */
async function greet() {
  byId("join").focus();
  const reason = await refusal();
  if (reason && link.state === "idle") notice(ENDS[reason]);
}

const isControl = (target) => target.closest("input, textarea, select, button, summary, a");

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { key, target } = event;
  const isHold = key === " " && (target === byId("hold") || !isControl(target));
  if (key === "Escape") stop();
  else if (isHold) {
    if (!event.repeat) talk.hold();
  } else if (key === "/" && !target.closest("input")) byId("text").focus();
  else if (key.toLowerCase() === "m" && !target.closest("input")) talk.toggle();
  else return;
  event.preventDefault();
}

byId("join").onclick = join;
byId("leave").onclick = leave;
byId("ask").onsubmit = sayPrompt;
byId("stop").onclick = stop;
byId("direct").onchange = switchDirect;
addEventListener("keydown", onKey);
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); }); // put aside, it stood still

watch();
showControls();
if (link.resume()) openSound();
else greet();
