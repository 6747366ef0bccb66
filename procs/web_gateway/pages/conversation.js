// The captions: a paragraph for each prompt and each reply, in step with the sound.
import { Caption } from "./captions.js";
import { byId, make, say, tell } from "./dom.js";

const SHOWN = 50; // paragraphs; older ones go
const NEAR_PX = 40;

export class Conversation {
  constructor() {
    this.list = byId("captions");
    this.spoken = byId("spoken");
    this.turns = new Map();
  }

  /** What the person typed; `prompt` is its name. */
  asked(text, prompt) {
    this.#place(yours(text, { "data-prompt": prompt }));
    this.#toEnd();
  }

  /** The prompt has its turn. */
  accepted(prompt, turn) {
    const item = this.list.querySelector(`li.you[data-prompt="${CSS.escape(prompt)}"]`);
    if (item) item.dataset.asked = turn;
  }

  /** What was said before this page was loaded, as the gateway has written it down. */
  recall(entries) {
    for (const { turn_id: turn, speaker, text, outcome } of entries) {
      if (speaker === "ai") this.#recallReply(turn, text, outcome);
      else if (!this.list.querySelector(`[data-asked="${turn}"]`)) this.#place(yours(text, { "data-asked": turn }), turn);
    }
  }

  of(turn) {
    if (!this.turns.has(turn)) this.turns.set(turn, this.#open(turn));
    return this.turns.get(turn).caption;
  }

  /** Show how a turn's caption is now. */
  show(turn) {
    const { caption, nodes, item } = this.turns.get(turn);
    const follows = this.#isAtEnd;
    const parts = caption.parts();
    for (const name of ["heard", "coming", "cut"]) say(nodes[name], parts[name]);
    tell(nodes.failed, caption.message);
    item.dataset.outcome = caption.outcome;
    this.#tell(turn, parts.heard);
    if (follows) this.#toEnd();
  }

  clear() {
    this.list.replaceChildren();
    this.spoken.replaceChildren();
    this.turns.clear();
  }

  #recallReply(turn, text, outcome) {
    if (this.turns.has(turn)) return;
    const caption = this.of(turn);
    caption.add(0, text);
    caption.end(outcome, caption.chars.length, "");
    this.turns.get(turn).told = caption.parts().heard.length;
    this.show(turn);
  }

  #open(turn) {
    const nodes = Object.fromEntries(
      ["heard", "coming", "cut", "failed"].map((name) => [name, make("span", { class: name })]),
    );
    const who = make("span", { class: "who", text: "Miku" });
    const item = make("li", { class: "miku", "data-turn": turn }, who, ...Object.values(nodes));
    this.#place(item, turn);
    return { caption: new Caption(turn), nodes, item, told: 0 };
  }

  /** A screen reader is told whole sentences, once they were heard. */
  #tell(turn, heard) {
    const entry = this.turns.get(turn);
    const fresh = heard.slice(entry.told);
    const end = entry.caption.outcome ? fresh.length : fresh.search(/[.!?。！？\n](?=\s|$)/) + 1;
    if (end <= 0) return;
    entry.told += end;
    this.spoken.append(make("p", { text: fresh.slice(0, end).trim() }));
    while (this.spoken.children.length > SHOWN) this.spoken.firstChild.remove();
  }

  /** Before what belongs to later turns; what has no turn yet comes last. */
  #place(item, turn = Infinity) {
    const follows = this.#isAtEnd;
    const isLater = ({ dataset }) => Number(dataset.turn ?? dataset.asked) > turn
      || ("asked" in item.dataset && Number(dataset.turn) === turn);
    this.list.insertBefore(item, [...this.list.children].find(isLater) ?? null);
    while (this.list.children.length > SHOWN) {
      this.turns.delete(Number(this.list.firstChild.dataset.turn));
      this.list.firstChild.remove();
    }
    if (follows) this.#toEnd();
  }

  /** Whether the newest is in sight; a person who reads further up is left there. */
  get #isAtEnd() { return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_PX; }

  #toEnd() { this.list.scrollTop = this.list.scrollHeight; }
}

const yours = (text, attributes) =>
  make("li", { class: "you", ...attributes }, make("span", { class: "who", text: "You" }), text);
