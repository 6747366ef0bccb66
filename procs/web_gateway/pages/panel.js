// The operator's window: processes, turns, what stands back, sessions, the bus. Fed by /watch.
import { ago, breakable, byId, make, marked, say, tell } from "./dom.js";
import { streamRefusal, UNREACHABLE } from "./door.js";
import { show } from "./rows.js";

const GOOD = new Set(["ready", "active", "done"]);
const WARN = new Set(["loading", "starting", "stopping", "degraded", "cut"]);

const tone = (state) => (GOOD.has(state) ? "is-good" : WARN.has(state) ? "is-warn" : "is-bad");

const AWAY = "The bot is not heard at the moment.";
const NO_DISCORD = "The text bot is off, because no Discord is set up (discord.token): nothing stands back, nothing waits.";

const remedy = ({ cause, remedy: what }) => [cause, what].filter(Boolean).join(" ");

function processRow(row) {
  const { invite = "", ...facts } = row.facts ?? {};
  const made = Object.entries(facts).slice(0, 3).map(([name, value]) => `${name} ${value}`).join(", ");
  const lag = row.loop_lag_ms > 200 ? ` · loop ${row.loop_lag_ms} ms late` : "";
  return make("li", { "data-process": row.name, "data-state": row.state },
    make("b", { text: row.name }), " ",
    make("span", { class: tone(row.state), text: row.state }),
    ` for ${ago(row.since_ms)}${lag}`,
    make("small", {}, ...marked(remedy(row) || row.detail || made)), ...invitation(invite));
}

function invitation(address) {
  if (!address.startsWith("https://")) return [];
  const attributes = { href: address, target: "_blank", rel: "noopener noreferrer" };
  return [make("small", {}, make("a", { ...attributes, text: "Invite her into a Discord server" }))];
}

function featureRow(row) {
  const what = row.is_open ? "open" : row.action;
  return make("li", { "data-feature": row.name, "data-open": row.is_open },
    make("b", { text: row.title }), " ",
    make("span", { class: row.is_open ? "is-good" : "is-warn", text: what }),
    make("small", {}, ...marked([row.why || remedy(row), row.until].filter(Boolean).join(", "))));
}

function sessionRow(row) {
  const over = row.phase === "idle" && !row.code; // ended, and nothing is wrong
  const figures = `${row.buffered_ms} ms wait, ${row.underruns} gaps, ${row.late} frames late, ${row.deficit} missing`;
  return make("li", { "data-session": row.session },
    make("b", { text: row.sink }), " ", make("span", { class: over ? "quiet" : tone(row.phase), text: row.phase }),
    make("small", {}, ...marked(row.code ? remedy(row) : row.phase === "idle" ? "" : `since ${ago(row.since_ms)}, ${figures}`)));
}

/** A turn as a waterfall: a bar from the milestone before to this one. */
function turnSteps(turn) {
  const span = Math.max(1, turn.milestones.at(-1).at_ms);
  let before = 0;
  return turn.milestones.map((step) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.marginLeft = `${(before / span) * 95}%`;
    bar.style.width = `${((step.at_ms - before) / span) * 95}%`;
    before = step.at_ms;
    const name = `${step.stage} ${step.kind.replace("_", " ")}${step.code ? ` (${step.code})` : ""}`;
    return make("li", {}, make("span", { text: name }), make("span", { text: `${Math.round(step.at_ms)} ms` }), bar);
  });
}

/** The newest turn lies open, until a person opens or closes one themselves. */
const touched = new WeakSet();

function openTheNewest() {
  [...byId("turns").children].forEach((details, at) => {
    if (!touched.has(details)) details.open = at === 0;
  });
}

function turnRow(turn) {
  const first = turn.milestones.find((step) => step.kind === "first_frame");
  const title = [turn.outcome || "under way", first ? `first sound after ${Math.round(first.at_ms)} ms` : ""];
  const summary = make("summary", { text: title.filter(Boolean).join(", ") });
  const details = make("details", { "data-turn": turn.turn }, summary, make("ol", { class: "steps" }, ...turnSteps(turn)));
  summary.onclick = () => touched.add(details);
  return details;
}

const SECTIONS = {
  processes(rows) {
    show(byId("processes"), rows.map(processRow), "process");
    const ill = rows.filter(({ state }) => state !== "ready").map(({ name, state }) => `${name}: ${state}`);
    say(byId("attention"), ill.join(", "));
  },
  sessions: (rows) => show(byId("sessions"),
    rows.length ? rows.map(sessionRow) : [make("li", { class: "quiet", "data-session": "", text: "None." })], "session"),
  turns(turns) {
    if (!turns.length) return;
    show(byId("turns"), turns.map(turnRow), "turn");
    openTheNewest();
  },
  house(house) {
    const persona = house.persona === "evil" ? "Evil Miku" : house.persona ? "Miku" : "";
    say(byId("mood"), [persona, house.mood && `mood: ${house.mood}`].filter(Boolean).join(" · "));
    const oldest = house.oldest_queued_ms ? `, the oldest for ${ago(house.oldest_queued_ms)}` : "";
    const queue = house.queued === 1 ? "1 text message waits" : `${house.queued} text messages wait`;
    const waiting = `${queue} for the end of the session${oldest}.`;
    say(byId("queue"), !house.known ? AWAY : house.features.length ? waiting : NO_DISCORD);
    show(byId("features"), house.features.map(featureRow), "feature");
  },
  rates: (rows) => show(byId("rates"), rows.map((row) => make("tr", {},
    make("td", {}, ...breakable(row.topic)), make("td", { text: row.hz.toFixed(1) }),
    make("td", { text: String(row.bytes_per_s) })))),
  settings: (rows) => show(byId("settings"), rows.map(({ name, values }) => make("tr", {},
    make("td", {}, ...breakable(name)), make("td", { text: values.join("; ") })))),
};

const AGING = ["processes", "sessions", "house"]; // sections with a time that goes on
const TICK_MS = 1_000;
const AGAIN_MS = 5_000;
const OLD = "What follows is old: the gateway can't be reached at the moment.";

/** Follow the operator's view for as long as the page lives. */
export function watch() {
  const view = {};
  const draw = (name) => SECTIONS[name]?.(view[name]);
  setInterval(() => AGING.filter((name) => name in view).forEach(draw), TICK_MS);
  addEventListener("pagehide", () => source?.close());
  follow((news) => {
    Object.assign(view, news);
    Object.keys(news).forEach(draw);
  }, () => "processes" in view);
}

let source = null;

/** EventSource comes back by itself after a break, but never after a refusal. */
function follow(take, hasView) {
  source = new EventSource("/watch");
  const onNews = ({ data }) => {
    take(JSON.parse(data));
    tell(byId("watch-state"), "");
  };
  source.addEventListener("snapshot", onNews);
  source.addEventListener("change", onNews);
  source.onerror = async () => {
    const isOver = source.readyState === EventSource.CLOSED;
    const why = isOver ? await streamRefusal("/watch") : UNREACHABLE;
    tell(byId("watch-state"), why === UNREACHABLE && hasView() ? OLD : why);
    if (isOver) setTimeout(() => follow(take, hasView), AGAIN_MS);
  };
}
